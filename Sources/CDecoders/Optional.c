#include "Optional.h"

#include <dlfcn.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

optional_reader *optional_open(optional_kind kind, const uint8_t *bytes, size_t count) {
    optional_reader *reader = calloc(1, sizeof(optional_reader));
    if (!reader) return NULL;
    switch (kind) {
        case OPTIONAL_GIF: reader->functions = &optional_gif; break;
        case OPTIONAL_HEIC: reader->functions = &optional_heic; break;
        case OPTIONAL_AVIF: reader->functions = &optional_avif; break;
        case OPTIONAL_JXL: reader->functions = &optional_jxl; break;
    }
    reader->bytes = bytes;
    reader->count = count;
    reader->orientation = 1;
    return reader;
}

decoder_status optional_header(optional_reader *reader, uint32_t *width, uint32_t *height) {
    if (!reader->functions->header) return DECODER_NOT_BUILT;
    decoder_status status = reader->functions->header(reader);
    *width = reader->width;
    *height = reader->height;
    return status;
}

decoder_status optional_pixels(optional_reader *reader, uint8_t *pixels) {
    return reader->functions->pixels ? reader->functions->pixels(reader, pixels) : DECODER_NOT_BUILT;
}

int optional_orientation(const optional_reader *reader) { return reader->orientation; }

const char *optional_message(const optional_reader *reader) { return reader->message; }

void optional_close(optional_reader *reader) {
    if (!reader) return;
    if (reader->functions->close && reader->state) reader->functions->close(reader);
    free(reader);
}

decoder_status optional_fail(optional_reader *reader, decoder_status status, const char *message) {
    snprintf(reader->message, sizeof reader->message, "%s", message ? message : "");
    return status;
}

static void open_library(optional_library *library) {
    library->tried = true;
    for (const char *const *name = library->names; *name; name++) {
        void *handle = dlopen(*name, RTLD_NOW | RTLD_LOCAL);
        if (handle) {
            library->found = library->find(handle);
            if (library->found) return;
            snprintf(library->problem, sizeof library->problem, "%s is of another version", *name);
            dlclose(handle);
        } else if (!library->problem[0]) {
            const char *problem = dlerror();
            snprintf(library->problem, sizeof library->problem, "%s", problem ? problem : *name);
        }
    }
}

decoder_status optional_need(optional_reader *reader, optional_library *library) {
    static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
    pthread_mutex_lock(&lock);
    if (!library->tried) open_library(library);
    bool found = library->found;
    pthread_mutex_unlock(&lock);
    return found ? DECODER_OK : optional_fail(reader, DECODER_NOT_INSTALLED, library->problem);
}
