#pragma once

#include <stddef.h>
#include <stdint.h>

/* libjpeg, and libpng's low-level interface, over bytes in memory. Both end with longjmp where something is wrong, which
   Swift must not see: here it becomes a status. */

typedef enum {
    DECODER_OK = 0,
    DECODER_CUT_SHORT = 1,
    DECODER_DAMAGED = 2,
    /* The rest come from libraries that may be missing. */
    DECODER_UNSUPPORTED = 3,
    DECODER_NOT_BUILT = 4,
    DECODER_NOT_INSTALLED = 5,
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

/* The first image, or the primary one, of formats whose libraries may be missing: giflib, libheif, libavif, libjxl. Each
   library's header is looked for when this is compiled, and the library itself when its first picture is met: linked,
   the program would not start where one of the four is not installed, and which of them to link would be a question that
   Package.swift, whose answers SwiftPM keeps, cannot ask reliably. */

typedef enum { OPTIONAL_GIF, OPTIONAL_HEIC, OPTIONAL_AVIF, OPTIONAL_JXL } optional_kind;

typedef struct optional_reader optional_reader;

/* NULL only where memory is missing. `bytes` must stay until the reader is closed. */
optional_reader *_Nullable optional_open(optional_kind kind, const uint8_t *_Nonnull bytes, size_t count);
decoder_status optional_header(optional_reader *_Nonnull reader, uint32_t *_Nonnull width, uint32_t *_Nonnull height);
/* All rows as 8-bit RGB, into width * height * 3 bytes; alpha dropped. */
decoder_status optional_pixels(optional_reader *_Nonnull reader, uint8_t *_Nonnull pixels);
/* After the header: how the picture is still to be turned, as EXIF says it, 1 to 8. */
int optional_orientation(const optional_reader *_Nonnull reader);
/* What the library said was wrong, or, where it is not installed, why it could not be opened. */
const char *_Nonnull optional_message(const optional_reader *_Nonnull reader);
void optional_close(optional_reader *_Nullable reader);
