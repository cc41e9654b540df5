/* SPDX-License-Identifier: Apache-2.0 */
#include "crc32.h"

/* A nibble at a time: 64 bytes of table instead of 1 KB, at twice the steps. */
uint32_t mcuedit_crc32(uint32_t crc, const uint8_t *bytes, uint32_t size)
{
    static const uint32_t table[16] = {
        0x00000000, 0x1DB71064, 0x3B6E20C8, 0x26D930AC, 0x76DC4190, 0x6B6B51F4, 0x4DB26158, 0x5005713C,
        0xEDB88320, 0xF00F9344, 0xD6D6A3E8, 0xCB61B38C, 0x9B64C2B0, 0x86D3D2D4, 0xA00AE278, 0xBDBDF21C,
    };
    crc = ~crc;
    for (const uint8_t *end = bytes + size; bytes != end; bytes++) {
        crc ^= *bytes;
        crc = (crc >> 4) ^ table[crc & 0xF];
        crc = (crc >> 4) ^ table[crc & 0xF];
    }
    return ~crc;
}
