/* SPDX-License-Identifier: Apache-2.0 */
/* What activating another adapter costs: ticks of a swap between two that were opened before. */
#include "adapters.h"
#include "model.h"
#include "port/port.h"
#include "port/trace.h"

static int8_t h[APP_RANK];
static mcuedit_context context;
static mcuedit_adapter adapters[2];
static const mcuedit_adapter *const first[] = {&adapters[0]};
static const mcuedit_adapter *const second[] = {&adapters[1]};
static const mcuedit_set sets[] = {{first, 1}, {second, 1}};

int main(void)
{
    int err = 0;
    mcuedit_context_init(&context, &MODEL_BASE, h, sizeof(h));
    for (uint32_t i = 0; i < 2 && !err; i++) {
        err = mcuedit_adapter_open(&adapters[i], &MODEL_BASE, app_adapters[i].bytes, app_adapters[i].size);
    }
    err = err ? err : mcuedit_context_set(&context, &sets[0]);
    port_trace_init();
    port_trace_begin();
    err = err ? err : mcuedit_context_set(&context, &sets[1]);
    mcuedit_trace();
    for (uint32_t i = 0; i < 3; i++) {
        port_print_unsigned(port_trace_ticks(i));
        port_print(" ");
    }
    port_print(err ? "failed\n" : "swapped\n");
    for (;;) {
        (void)port_uart_read(); /* nothing more to do */
    }
}
