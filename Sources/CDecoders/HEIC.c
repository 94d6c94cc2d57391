#include "Optional.h"

#if __has_include(<libheif/heif.h>)
#include <dlfcn.h>
#include <libheif/heif.h>
#include <stdlib.h>
#include <string.h>

#define FUNCTIONS(X) \
    X(heif_context_alloc) X(heif_context_free) X(heif_context_set_max_decoding_threads) \
    X(heif_context_read_from_memory_without_copy) X(heif_context_get_primary_image_handle) \
    X(heif_image_handle_get_width) X(heif_image_handle_get_height) X(heif_image_handle_release) \
    X(heif_decoding_options_alloc) X(heif_decoding_options_free) X(heif_decode_image) \
    X(heif_image_get_width) X(heif_image_get_height) X(heif_image_get_plane_readonly) X(heif_image_release)

static struct { FUNCTIONS(OPTIONAL_FIELD) } functions;

static bool find(void *library) {
    FUNCTIONS(OPTIONAL_FIND)
    /* Loads what libheif has as plugins; versions before 1.13 have none and no such function. */
    struct heif_error (*start)(void *) = (struct heif_error(*)(void *))dlsym(library, "heif_init");
    if (start) (void)start(NULL);
    return true;
}

static const char *const names[] = {"libheif.so.1", NULL};
static optional_library library = {.names = names, .find = find};

typedef struct {
    struct heif_context *context;
    struct heif_image_handle *handle;
} heic_state;

static decoder_status failed(optional_reader *reader, struct heif_error error) {
    decoder_status status = DECODER_DAMAGED;
    if (error.subcode == heif_suberror_End_of_data) status = DECODER_CUT_SHORT;
    if (error.code == heif_error_Unsupported_filetype || error.code == heif_error_Unsupported_feature) {
        status = DECODER_UNSUPPORTED;
    }
    return optional_fail(reader, status, error.message);
}

static decoder_status header(optional_reader *reader) {
    decoder_status status = optional_need(reader, &library);
    if (status != DECODER_OK) return status;
    heic_state *state = calloc(1, sizeof(heic_state));
    if (!state) return optional_fail(reader, DECODER_DAMAGED, "no memory for it");
    reader->state = state;
    state->context = functions.heif_context_alloc();
    if (!state->context) return optional_fail(reader, DECODER_DAMAGED, "no memory for it");
    /* Pictures are decoded side by side already. */
    functions.heif_context_set_max_decoding_threads(state->context, 0);
    struct heif_error error =
        functions.heif_context_read_from_memory_without_copy(state->context, reader->bytes, reader->count, NULL);
    if (error.code != heif_error_Ok) return failed(reader, error);
    error = functions.heif_context_get_primary_image_handle(state->context, &state->handle);
    if (error.code != heif_error_Ok) return failed(reader, error);
    int width = functions.heif_image_handle_get_width(state->handle);
    int height = functions.heif_image_handle_get_height(state->handle);
    reader->width = width > 0 ? (uint32_t)width : 0;
    reader->height = height > 0 ? (uint32_t)height : 0;
    return DECODER_OK;
}

/* libheif turns and crops as the file says; EXIF says the same once more and is left alone, as pillow-heif does. */
static decoder_status pixels(optional_reader *reader, uint8_t *target) {
    heic_state *state = reader->state;
    struct heif_decoding_options *options = functions.heif_decoding_options_alloc();
    if (!options) return optional_fail(reader, DECODER_DAMAGED, "no memory for it");
    options->convert_hdr_to_8bit = 1;
    struct heif_image *image = NULL;
    struct heif_error error = functions.heif_decode_image(
        state->handle, &image, heif_colorspace_RGB, heif_chroma_interleaved_RGB, options);
    functions.heif_decoding_options_free(options);
    if (error.code != heif_error_Ok || !image) return failed(reader, error);
    int stride = 0;
    const uint8_t *plane = functions.heif_image_get_plane_readonly(image, heif_channel_interleaved, &stride);
    int width = functions.heif_image_get_width(image, heif_channel_interleaved);
    int height = functions.heif_image_get_height(image, heif_channel_interleaved);
    decoder_status status = DECODER_OK;
    /* What is coded need not have the size that the header promised. */
    if (!plane || width < 0 || height < 0 || (uint32_t)width != reader->width || (uint32_t)height != reader->height ||
        stride < 0 || (size_t)stride < (size_t)reader->width * 3) {
        status = optional_fail(reader, DECODER_DAMAGED, "its pixels are not as many as its header says");
    } else {
        size_t row = (size_t)reader->width * 3;
        for (size_t y = 0; y < reader->height; y++) memcpy(target + y * row, plane + y * (size_t)stride, row);
    }
    functions.heif_image_release(image);
    return status;
}

static void close_file(optional_reader *reader) {
    heic_state *state = reader->state;
    if (state->handle) functions.heif_image_handle_release(state->handle);
    if (state->context) functions.heif_context_free(state->context);
    free(state);
}

const optional_functions optional_heic = {header, pixels, close_file};
#else
const optional_functions optional_heic = {0};
#endif
