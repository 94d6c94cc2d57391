#include "CDecoders.h"

#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jpeglib.h>
#include <jerror.h>

/* A progressive file may claim thousands of scans over the same large picture; real ones have about ten. */
#define MAXIMUM_SCANS 500

struct cjpeg_reader {
    struct jpeg_decompress_struct info;
    struct jpeg_error_mgr errors;
    struct jpeg_progress_mgr progress;
    jmp_buf escape;
    decoder_status status;
    char message[JMSG_LENGTH_MAX];
};

static void on_error(j_common_ptr info) {
    cjpeg_reader *reader = info->client_data;
    if (reader->status == DECODER_OK) reader->status = DECODER_DAMAGED;
    (*info->err->format_message)(info, reader->message);
    longjmp(reader->escape, 1);
}

/* Warnings (extraneous bytes, corrupt data that decodes all the same) are tolerated, as Pillow does. */
static void on_output(j_common_ptr info) { (void)info; }

static boolean source_end(j_decompress_ptr info) {
    cjpeg_reader *reader = info->client_data;
    reader->status = DECODER_CUT_SHORT;
    ERREXIT(info, JERR_INPUT_EOF);
    return FALSE;
}

static void on_progress(j_common_ptr common) {
    if (!common->is_decompressor) return;
    j_decompress_ptr info = (j_decompress_ptr)common;
    if (info->input_scan_number > MAXIMUM_SCANS) ERREXIT(info, JERR_CANT_SUSPEND);
}

cjpeg_reader *cjpeg_open(const uint8_t *bytes, size_t count) {
    cjpeg_reader *reader = calloc(1, sizeof(cjpeg_reader));
    if (!reader) return NULL;
    reader->info.err = jpeg_std_error(&reader->errors);
    reader->info.client_data = reader;
    reader->errors.error_exit = on_error;
    reader->errors.output_message = on_output;
    if (setjmp(reader->escape)) {
        jpeg_destroy_decompress(&reader->info);
        free(reader);
        return NULL;
    }
    jpeg_create_decompress(&reader->info);
    reader->info.client_data = reader;
    jpeg_mem_src(&reader->info, bytes, count);
    /* libjpeg's own would make up an end for a file that is cut short. */
    reader->info.src->fill_input_buffer = source_end;
    reader->progress.progress_monitor = on_progress;
    reader->info.progress = &reader->progress;
    return reader;
}

decoder_status cjpeg_header(cjpeg_reader *reader, int *width, int *height, int *components) {
    if (setjmp(reader->escape)) return reader->status;
    jpeg_read_header(&reader->info, TRUE);
    *width = (int)reader->info.image_width;
    *height = (int)reader->info.image_height;
    *components = reader->info.num_components;
    switch (reader->info.num_components) {
        case 1: reader->info.out_color_space = JCS_GRAYSCALE; break;
        case 3: reader->info.out_color_space = JCS_RGB; break;
        case 4: reader->info.out_color_space = JCS_CMYK; break;
        default: break;
    }
    return DECODER_OK;
}

decoder_status cjpeg_pixels(cjpeg_reader *reader, uint8_t *pixels) {
    if (setjmp(reader->escape)) return reader->status;
    jpeg_start_decompress(&reader->info);
    size_t stride = (size_t)reader->info.output_width * (size_t)reader->info.output_components;
    while (reader->info.output_scanline < reader->info.output_height) {
        JSAMPROW row = pixels + stride * reader->info.output_scanline;
        jpeg_read_scanlines(&reader->info, &row, 1);
    }
    jpeg_finish_decompress(&reader->info);
    return DECODER_OK;
}

const char *cjpeg_message(cjpeg_reader *reader) { return reader->message; }

void cjpeg_close(cjpeg_reader *reader) {
    if (!reader) return;
    if (!setjmp(reader->escape)) jpeg_destroy_decompress(&reader->info);
    free(reader);
}
