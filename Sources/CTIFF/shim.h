#pragma once
#include <tiffio.h>

/* TIFFGetField and TIFFSetField take variable arguments, which Swift cannot pass. */

static inline uint32_t ctiff_number32(TIFF *_Nonnull tiff, uint32_t tag, uint32_t missing) {
    uint32_t value = missing;
    return TIFFGetField(tiff, tag, &value) == 1 ? value : missing;
}

static inline uint16_t ctiff_number16(TIFF *_Nonnull tiff, uint32_t tag, uint16_t missing) {
    uint16_t value = missing;
    return TIFFGetFieldDefaulted(tiff, tag, &value) == 1 ? value : missing;
}

/* How many extra samples there are, and what the first one is. */
static inline uint16_t ctiff_extra_samples(TIFF *_Nonnull tiff, uint16_t *_Nonnull first) {
    uint16_t count = 0;
    uint16_t *kinds = NULL;
    if (TIFFGetField(tiff, TIFFTAG_EXTRASAMPLES, &count, &kinds) != 1 || count == 0 || !kinds) return 0;
    *first = kinds[0];
    return count;
}

static inline int ctiff_palette(TIFF *_Nonnull tiff, uint16_t *_Nullable *_Nonnull red,
                                uint16_t *_Nullable *_Nonnull green, uint16_t *_Nullable *_Nonnull blue) {
    return TIFFGetField(tiff, TIFFTAG_COLORMAP, red, green, blue) == 1;
}

/* Asks the JPEG codec for RGB instead of YCbCr. */
static inline void ctiff_jpeg_as_rgb(TIFF *_Nonnull tiff) {
    TIFFSetField(tiff, TIFFTAG_JPEGCOLORMODE, JPEGCOLORMODE_RGB);
}
