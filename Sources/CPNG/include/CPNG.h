#pragma once

#include <stddef.h>
#include <stdint.h>

/* libpng's low-level interface over bytes in memory. libpng ends with longjmp where something is wrong, which Swift must
   not see: here it becomes a status. */

typedef enum {
    CPNG_OK = 0,
    CPNG_CUT_SHORT = 1,
    CPNG_DAMAGED = 2,
} cpng_status;

typedef struct cpng_reader cpng_reader;

/* NULL only where memory is missing. `bytes` must stay until cpng_close. */
cpng_reader *_Nullable cpng_open(const uint8_t *_Nonnull bytes, size_t count);

cpng_status cpng_header(cpng_reader *_Nonnull reader, uint32_t *_Nonnull width, uint32_t *_Nonnull height);

/* All rows as 8-bit RGB, into width * height * 3 bytes: alpha dropped, no gamma, the high byte of 16. */
cpng_status cpng_pixels(cpng_reader *_Nonnull reader, uint8_t *_Nonnull pixels);

/* What libpng said was wrong. */
const char *_Nonnull cpng_message(cpng_reader *_Nonnull reader);

void cpng_close(cpng_reader *_Nullable reader);
