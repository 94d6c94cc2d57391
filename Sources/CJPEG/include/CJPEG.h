#pragma once

#include <stddef.h>
#include <stdint.h>

/* libjpeg over bytes in memory. libjpeg ends with longjmp where something is wrong, which Swift must not see: here it
   becomes a status. */

typedef enum {
    CJPEG_OK = 0,
    CJPEG_CUT_SHORT = 1,
    CJPEG_DAMAGED = 2,
} cjpeg_status;

typedef struct cjpeg_reader cjpeg_reader;

/* NULL only where memory is missing. `bytes` must stay until cjpeg_close. */
cjpeg_reader *_Nullable cjpeg_open(const uint8_t *_Nonnull bytes, size_t count);

/* Width, height and components (1 grey, 3 RGB, 4 CMYK as stored, which Adobe inverts). */
cjpeg_status cjpeg_header(cjpeg_reader *_Nonnull reader, int *_Nonnull width, int *_Nonnull height,
                          int *_Nonnull components);

/* All rows, into width * height * components bytes. */
cjpeg_status cjpeg_pixels(cjpeg_reader *_Nonnull reader, uint8_t *_Nonnull pixels);

/* What libjpeg said was wrong. */
const char *_Nonnull cjpeg_message(cjpeg_reader *_Nonnull reader);

void cjpeg_close(cjpeg_reader *_Nullable reader);
