#include "CDecoders.h"

#include <stdlib.h>
#include <string.h>

#include <png.h>

uint8_t *cpng_encode(const uint8_t *pixels, uint32_t width, uint32_t height, size_t *count) {
    png_image image;
    memset(&image, 0, sizeof image);
    image.version = PNG_IMAGE_VERSION;
    image.width = width;
    image.height = height;
    image.format = PNG_FORMAT_RGB;
    png_alloc_size_t size = PNG_IMAGE_PNG_SIZE_MAX(image);
    uint8_t *bytes = malloc(size);
    if (!bytes) return NULL;
    /* The simplified interface catches its own longjmp, and frees what it has allocated also where it fails. */
    if (!png_image_write_to_memory(&image, bytes, &size, 0, pixels, 0, NULL)) {
        free(bytes);
        return NULL;
    }
    *count = size;
    return bytes;
}
