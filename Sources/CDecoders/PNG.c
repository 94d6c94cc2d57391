#include "CDecoders.h"

#include <setjmp.h>
#include <stdlib.h>
#include <string.h>

#include <png.h>

struct cpng_reader {
    png_structp png;
    png_infop info;
    const uint8_t *bytes;
    size_t count;
    size_t offset;
    png_bytep *volatile rows;
    jmp_buf escape;
    decoder_status status;
    char message[200];
};

static void on_error(png_structp png, png_const_charp message) {
    cpng_reader *reader = png_get_error_ptr(png);
    if (reader->status == DECODER_OK) reader->status = DECODER_DAMAGED;
    strncpy(reader->message, message ? message : "", sizeof reader->message - 1);
    longjmp(reader->escape, 1);
}

static void on_warning(png_structp png, png_const_charp message) {
    (void)png;
    (void)message;
}

static void read_bytes(png_structp png, png_bytep target, size_t count) {
    cpng_reader *reader = png_get_io_ptr(png);
    if (count > reader->count - reader->offset) {
        reader->status = DECODER_CUT_SHORT;
        png_error(png, "the file ends early");
    }
    memcpy(target, reader->bytes + reader->offset, count);
    reader->offset += count;
}

cpng_reader *cpng_open(const uint8_t *bytes, size_t count) {
    cpng_reader *reader = calloc(1, sizeof(cpng_reader));
    if (!reader) return NULL;
    reader->bytes = bytes;
    reader->count = count;
    if (setjmp(reader->escape)) {
        cpng_close(reader);
        return NULL;
    }
    reader->png = png_create_read_struct(PNG_LIBPNG_VER_STRING, reader, on_error, on_warning);
    if (reader->png) reader->info = png_create_info_struct(reader->png);
    if (!reader->info) {
        cpng_close(reader);
        return NULL;
    }
    png_set_read_fn(reader->png, reader, read_bytes);
    png_set_user_limits(reader->png, 0x7fffffff, 0x7fffffff);
    png_set_chunk_malloc_max(reader->png, 64 << 20);
    png_set_benign_errors(reader->png, 1);
    /* Colour profiles, text and the like are of no use here: only what the pixels need is looked into. */
    png_set_keep_unknown_chunks(reader->png, PNG_HANDLE_CHUNK_NEVER, NULL, -1);
    png_set_crc_action(reader->png, PNG_CRC_ERROR_QUIT, PNG_CRC_QUIET_USE);
    return reader;
}

decoder_status cpng_header(cpng_reader *reader, uint32_t *width, uint32_t *height) {
    if (setjmp(reader->escape)) return reader->status;
    png_read_info(reader->png, reader->info);
    *width = png_get_image_width(reader->png, reader->info);
    *height = png_get_image_height(reader->png, reader->info);
    return DECODER_OK;
}

decoder_status cpng_pixels(cpng_reader *reader, uint8_t *pixels) {
    if (setjmp(reader->escape)) return reader->status;
    png_structp png = reader->png;
    int type = png_get_color_type(png, reader->info);
    if (type == PNG_COLOR_TYPE_PALETTE) png_set_palette_to_rgb(png);
    if (type == PNG_COLOR_TYPE_GRAY) png_set_expand_gray_1_2_4_to_8(png);
    png_set_strip_16(png);
    png_set_strip_alpha(png);
    if (!(type & PNG_COLOR_MASK_COLOR)) png_set_gray_to_rgb(png);
    png_set_interlace_handling(png);
    png_read_update_info(png, reader->info);
    size_t height = png_get_image_height(png, reader->info);
    size_t stride = (size_t)png_get_image_width(png, reader->info) * 3;
    if (png_get_rowbytes(png, reader->info) != stride) png_error(png, "rows of an unexpected length");
    reader->rows = malloc(height * sizeof(png_bytep));
    if (!reader->rows) png_error(png, "no memory");
    for (size_t y = 0; y < height; y++) reader->rows[y] = pixels + y * stride;
    png_read_image(png, reader->rows);
    /* What follows the pixels is not read: Pillow too takes a file without its last chunk. */
    return DECODER_OK;
}

const char *cpng_message(cpng_reader *reader) { return reader->message; }

void cpng_close(cpng_reader *reader) {
    if (!reader) return;
    free(reader->rows);
    if (reader->png && !setjmp(reader->escape)) png_destroy_read_struct(&reader->png, &reader->info, NULL);
    free(reader);
}
