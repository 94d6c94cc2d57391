#include "Optional.h"

#if __has_include(<avif/avif.h>)
#include <avif/avif.h>
#endif

/* libavif rather than libheif, which reads AVIF too: Pillow has libavif, and the two fill in missing chroma in other ways,
   so that colours differ by up to 90 at edges. Structures of versions before 0.11 are other ones. */
#if defined(AVIF_VERSION) && AVIF_VERSION >= 110000
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FUNCTIONS(X) \
    X(avifVersion) X(avifDecoderCreate) X(avifDecoderDestroy) X(avifDecoderSetIOMemory) X(avifDecoderParse) \
    X(avifDecoderNextImage) X(avifRGBImageSetDefaults) X(avifImageYUVToRGB) X(avifResultToString)

static struct { FUNCTIONS(OPTIONAL_FIELD) } functions;

static bool find(void *library) {
    FUNCTIONS(OPTIONAL_FIND)
    /* Its structures are part of its interface: the library must be of the headers' version. */
    int major = 0, minor = 0;
    if (sscanf(functions.avifVersion(), "%d.%d", &major, &minor) != 2) return false;
    return major == AVIF_VERSION_MAJOR && (major > 0 || minor == AVIF_VERSION_MINOR);
}

#if AVIF_VERSION_MAJOR >= 1
static const char *const names[] = {"libavif.so.16", "libavif.so", NULL};
#else
static const char *const names[] = {"libavif.so.15", "libavif.so", NULL};
#endif
static optional_library library = {.names = names, .find = find};

static decoder_status failed(optional_reader *reader, avifResult result) {
    decoder_status status = DECODER_DAMAGED;
    if (result == AVIF_RESULT_TRUNCATED_DATA) status = DECODER_CUT_SHORT;
    if (result == AVIF_RESULT_NO_CODEC_AVAILABLE || result == AVIF_RESULT_NOT_IMPLEMENTED) status = DECODER_UNSUPPORTED;
    return optional_fail(reader, status, functions.avifResultToString(result));
}

/* Pillow's orientation of a file's own turn and mirror; EXIF in it does not count. */
static int orientation(const avifImage *image) {
    bool isMirrored = image->transformFlags & AVIF_TRANSFORM_IMIR;
#if AVIF_VERSION_MAJOR >= 1
    bool leftRight = image->imir.axis == 1;
#else
    bool leftRight = image->imir.mode == 1;
#endif
    switch (image->transformFlags & AVIF_TRANSFORM_IROT ? image->irot.angle : 0) {
        case 1: return isMirrored ? (leftRight ? 7 : 5) : 8;
        case 2: return isMirrored ? (leftRight ? 4 : 2) : 3;
        case 3: return isMirrored ? (leftRight ? 5 : 7) : 6;
        default: return isMirrored ? (leftRight ? 2 : 4) : 1;
    }
}

static decoder_status header(optional_reader *reader) {
    decoder_status status = optional_need(reader, &library);
    if (status != DECODER_OK) return status;
    avifDecoder *decoder = functions.avifDecoderCreate();
    if (!decoder) return optional_fail(reader, DECODER_DAMAGED, "no memory for it");
    reader->state = decoder;
    /* Pictures are decoded side by side already. */
    decoder->maxThreads = 1;
    decoder->ignoreExif = AVIF_TRUE;
    decoder->ignoreXMP = AVIF_TRUE;
    /* As lenient as Pillow. */
    decoder->strictFlags &= ~(avifStrictFlags)(AVIF_STRICT_CLAP_VALID | AVIF_STRICT_PIXI_REQUIRED);
    avifResult result = functions.avifDecoderSetIOMemory(decoder, reader->bytes, reader->count);
    if (result == AVIF_RESULT_OK) result = functions.avifDecoderParse(decoder);
    if (result != AVIF_RESULT_OK) return failed(reader, result);
    reader->width = decoder->image->width;
    reader->height = decoder->image->height;
    reader->orientation = orientation(decoder->image);
    return DECODER_OK;
}

static decoder_status pixels(optional_reader *reader, uint8_t *target) {
    avifDecoder *decoder = reader->state;
    avifResult result = functions.avifDecoderNextImage(decoder);
    if (result != AVIF_RESULT_OK) return failed(reader, result);
    const avifImage *image = decoder->image;
    if (image->width != reader->width || image->height != reader->height) {
        return optional_fail(reader, DECODER_DAMAGED, "its pixels are not as many as its header says");
    }
    avifRGBImage rgb;
    functions.avifRGBImageSetDefaults(&rgb, image);
    rgb.depth = 8;
    size_t count = (size_t)image->width * image->height;
    if (!image->alphaPlane) {
        rgb.format = AVIF_RGB_FORMAT_RGB;
        rgb.rowBytes = image->width * 3;
        rgb.pixels = target;
        result = functions.avifImageYUVToRGB(image, &rgb);
        return result == AVIF_RESULT_OK ? DECODER_OK : failed(reader, result);
    }
    /* Asked for without alpha, colours would be multiplied with it. */
    uint8_t *room = malloc(count * 4);
    if (!room) return optional_fail(reader, DECODER_DAMAGED, "no memory for it");
    rgb.format = AVIF_RGB_FORMAT_RGBA;
    rgb.rowBytes = image->width * 4;
    rgb.pixels = room;
    result = functions.avifImageYUVToRGB(image, &rgb);
    for (size_t i = 0; i < count; i++) memcpy(target + 3 * i, room + 4 * i, 3);
    free(room);
    return result == AVIF_RESULT_OK ? DECODER_OK : failed(reader, result);
}

static void close_file(optional_reader *reader) { functions.avifDecoderDestroy(reader->state); }

const optional_functions optional_avif = {header, pixels, close_file};
#else
const optional_functions optional_avif = {0};
#endif
