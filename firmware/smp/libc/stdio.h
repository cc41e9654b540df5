/* SPDX-License-Identifier: Apache-2.0 */
/* zcbor includes it for its messages, which are not compiled. */
