#include "Optional.h"

#if __has_include(<jxl/decode.h>)
#include <dlfcn.h>
#include <jxl/decode.h>
#endif
#if __has_include(<jxl/version.h>)
#include <jxl/version.h>
#endif

#if defined(JPEGXL_NUMERIC_VERSION)

#define FUNCTIONS(X) \
    X(JxlDecoderVersion) X(JxlDecoderCreate) X(JxlDecoderDestroy) X(JxlDecoderSubscribeEvents) X(JxlDecoderSetInput) \
    X(JxlDecoderProcessInput) X(JxlDecoderGetBasicInfo) X(JxlDecoderImageOutBufferSize) \
    X(JxlDecoderSetImageOutBuffer)

static struct { FUNCTIONS(OPTIONAL_FIELD) } functions;

static bool find(void *library) {
    FUNCTIONS(OPTIONAL_FIND)
    /* Before 1.0 each minor version may have other structures. */
    return functions.JxlDecoderVersion() / 1000 == JPEGXL_MAJOR_VERSION * 1000 + JPEGXL_MINOR_VERSION;
}

#define TEXT(number) #number
#define NUMBER_TEXT(number) TEXT(number)
#if JPEGXL_MAJOR_VERSION > 0
static const char *const names[] = {"libjxl.so." NUMBER_TEXT(JPEGXL_MAJOR_VERSION), NULL};
#else
static const char *const names[] = {"libjxl.so.0." NUMBER_TEXT(JPEGXL_MINOR_VERSION), NULL};
#endif
static optional_library library = {.names = names, .find = find};

static const JxlPixelFormat format = {3, JXL_TYPE_UINT8, JXL_NATIVE_ENDIAN, 0};

/* Goes on to an event that was asked for. */
static decoder_status go_on(optional_reader *reader, JxlDecoderStatus wanted) {
    JxlDecoderStatus status = functions.JxlDecoderProcessInput(reader->state);
    if (status == wanted) return DECODER_OK;
    if (status == JXL_DEC_NEED_MORE_INPUT) return DECODER_CUT_SHORT;
    return optional_fail(reader, DECODER_DAMAGED, "libjxl refuses its data");
}

static decoder_status header(optional_reader *reader) {
    decoder_status status = optional_need(reader, &library);
    if (status != DECODER_OK) return status;
    JxlDecoder *decoder = functions.JxlDecoderCreate(NULL);
    if (!decoder) return optional_fail(reader, DECODER_DAMAGED, "no memory for it");
    reader->state = decoder;
    if (functions.JxlDecoderSubscribeEvents(decoder, JXL_DEC_BASIC_INFO | JXL_DEC_FULL_IMAGE) != JXL_DEC_SUCCESS ||
        functions.JxlDecoderSetInput(decoder, reader->bytes, reader->count) != JXL_DEC_SUCCESS) {
        return optional_fail(reader, DECODER_DAMAGED, "libjxl refuses it");
    }
    status = go_on(reader, JXL_DEC_BASIC_INFO);
    if (status != DECODER_OK) return status;
    JxlBasicInfo info;
    if (functions.JxlDecoderGetBasicInfo(decoder, &info) != JXL_DEC_SUCCESS) {
        return optional_fail(reader, DECODER_DAMAGED, "libjxl refuses its header");
    }
    /* Upright: libjxl turns the picture by itself. */
    reader->width = info.xsize;
    reader->height = info.ysize;
    return DECODER_OK;
}

static decoder_status pixels(optional_reader *reader, uint8_t *target) {
    JxlDecoder *decoder = reader->state;
    decoder_status status = go_on(reader, JXL_DEC_NEED_IMAGE_OUT_BUFFER);
    if (status != DECODER_OK) return status;
    size_t size = 0, room = (size_t)reader->width * reader->height * 3;
    if (functions.JxlDecoderImageOutBufferSize(decoder, &format, &size) != JXL_DEC_SUCCESS || size != room ||
        functions.JxlDecoderSetImageOutBuffer(decoder, &format, target, room) != JXL_DEC_SUCCESS) {
        return optional_fail(reader, DECODER_DAMAGED, "its pixels are not as many as its header says");
    }
    /* Of an animation, the first frame on its canvas. */
    return go_on(reader, JXL_DEC_FULL_IMAGE);
}

static void close_file(optional_reader *reader) { functions.JxlDecoderDestroy(reader->state); }

const optional_functions optional_jxl = {header, pixels, close_file};
#else
const optional_functions optional_jxl = {0};
#endif
