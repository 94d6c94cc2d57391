#pragma once

#include <stddef.h>
#include <stdint.h>

/* libjpeg, and libpng's low-level interface, over bytes in memory. Both end with longjmp where something is wrong, which
   Swift must not see: here it becomes a status. */

typedef enum {
    DECODER_OK = 0,
    DECODER_CUT_SHORT = 1,
    DECODER_DAMAGED = 2,
} decoder_status;

typedef struct cjpeg_reader cjpeg_reader;
typedef struct cpng_reader cpng_reader;

/* NULL only where memory is missing. `bytes` must stay until the reader is closed. */
cjpeg_reader *_Nullable cjpeg_open(const uint8_t *_Nonnull bytes, size_t count);
cpng_reader *_Nullable cpng_open(const uint8_t *_Nonnull bytes, size_t count);

/* Width, height and components (1 grey, 3 RGB, 4 CMYK as stored, which Adobe inverts). */
decoder_status cjpeg_header(cjpeg_reader *_Nonnull reader, int *_Nonnull width, int *_Nonnull height,
                            int *_Nonnull components);
decoder_status cpng_header(cpng_reader *_Nonnull reader, uint32_t *_Nonnull width, uint32_t *_Nonnull height);

/* All rows, into width * height * components bytes. */
decoder_status cjpeg_pixels(cjpeg_reader *_Nonnull reader, uint8_t *_Nonnull pixels);
/* All rows as 8-bit RGB, into width * height * 3 bytes: alpha dropped, no gamma, the high byte of 16. */
decoder_status cpng_pixels(cpng_reader *_Nonnull reader, uint8_t *_Nonnull pixels);

/* A PNG file of 8-bit RGB rows, width * height * 3 bytes, both sides from 1 to 65535; for free(). NULL where memory is
   missing. */
uint8_t *_Nullable cpng_encode(const uint8_t *_Nonnull pixels, uint32_t width, uint32_t height, size_t *_Nonnull count);

/* What the library said was wrong. */
const char *_Nonnull cjpeg_message(cjpeg_reader *_Nonnull reader);
const char *_Nonnull cpng_message(cpng_reader *_Nonnull reader);

void cjpeg_close(cjpeg_reader *_Nullable reader);
void cpng_close(cpng_reader *_Nullable reader);
