#pragma once

#include <stdbool.h>

#include "CDecoders.h"

/* What the readers of optional formats share. */

typedef struct {
    /* Sets width, height and, where it is not 1, orientation. */
    decoder_status (*header)(optional_reader *reader);
    decoder_status (*pixels)(optional_reader *reader, uint8_t *pixels);
    void (*close)(optional_reader *reader);
} optional_functions;

struct optional_reader {
    const optional_functions *functions;
    const uint8_t *bytes;
    size_t count;
    uint32_t width;
    uint32_t height;
    int orientation;
    /* The library's own. */
    void *state;
    char message[256];
};

extern const optional_functions optional_gif, optional_heic, optional_avif, optional_jxl;

decoder_status optional_fail(optional_reader *reader, decoder_status status, const char *message);

/* A library, opened once. `find` fills in its functions, and answers false where one is missing or the version is wrong. */
typedef struct {
    const char *const *names;
    bool (*find)(void *library);
    /* Guarded by one lock for all libraries. */
    bool tried;
    bool found;
    char problem[256];
} optional_library;

/* DECODER_OK where the library is there. */
decoder_status optional_need(optional_reader *reader, optional_library *library);

/* A library's functions as fields of a struct, under their own names and types: FUNCTIONS(X) lists them. */
#define OPTIONAL_FIELD(name) __typeof__(name) *name;
#define OPTIONAL_FIND(name) \
    functions.name = (__typeof__(functions.name))dlsym(library, #name); \
    if (!functions.name) return false;
