#include "Optional.h"

#if __has_include(<gif_lib.h>)
#include <dlfcn.h>
#include <gif_lib.h>
#include <stdlib.h>
#include <string.h>

#define FUNCTIONS(X) \
    X(DGifOpen) X(DGifCloseFile) X(DGifGetRecordType) X(DGifGetImageDesc) X(DGifGetLine) X(DGifGetExtension) \
    X(DGifGetExtensionNext) X(GifErrorString)

static struct { FUNCTIONS(OPTIONAL_FIELD) } functions;

static bool find(void *library) {
    FUNCTIONS(OPTIONAL_FIND)
    return true;
}

static const char *const names[] = {"libgif.so.7", NULL};
static optional_library library = {.names = names, .find = find};

typedef struct {
    GifFileType *file;
    size_t offset;
    bool ended;
    /* The colour that is transparent, or -1. */
    int transparent;
    uint8_t line[65536];
} gif_state;

static int read_bytes(GifFileType *file, GifByteType *target, int count) {
    optional_reader *reader = file->UserData;
    gif_state *state = reader->state;
    size_t left = reader->count - state->offset;
    size_t taken = count < 0 ? 0 : (size_t)count < left ? (size_t)count : left;
    memcpy(target, reader->bytes + state->offset, taken);
    state->offset += taken;
    if (count < 0 || taken < (size_t)count) state->ended = true;
    return (int)taken;
}

static decoder_status failed(optional_reader *reader, int error) {
    gif_state *state = reader->state;
    if (state->ended) return DECODER_CUT_SHORT;
    return optional_fail(reader, DECODER_DAMAGED, functions.GifErrorString(error));
}

/* Everything before the first frame's pixels. */
static decoder_status header(optional_reader *reader) {
    decoder_status status = optional_need(reader, &library);
    if (status != DECODER_OK) return status;
    gif_state *state = calloc(1, sizeof(gif_state));
    if (!state) return optional_fail(reader, DECODER_DAMAGED, "no memory for it");
    reader->state = state;
    state->transparent = -1;
    int error = 0;
    state->file = functions.DGifOpen(reader, read_bytes, &error);
    GifFileType *file = state->file;
    if (!file) return failed(reader, error);
    for (;;) {
        GifRecordType record = UNDEFINED_RECORD_TYPE;
        if (functions.DGifGetRecordType(file, &record) != GIF_OK) return failed(reader, file->Error);
        if (record == IMAGE_DESC_RECORD_TYPE) break;
        if (record == TERMINATE_RECORD_TYPE) return optional_fail(reader, DECODER_DAMAGED, "there is no frame in it");
        if (record != EXTENSION_RECORD_TYPE) continue;
        int code = 0;
        GifByteType *block = NULL;
        if (functions.DGifGetExtension(file, &code, &block) != GIF_OK) return failed(reader, file->Error);
        if (code == GRAPHICS_EXT_FUNC_CODE && block && block[0] >= 4 && block[1] & 1) state->transparent = block[4];
        while (block) {
            if (functions.DGifGetExtensionNext(file, &block) != GIF_OK) return failed(reader, file->Error);
        }
    }
    if (functions.DGifGetImageDesc(file) != GIF_OK) return failed(reader, file->Error);
    /* As in Pillow, a frame that reaches out of the canvas makes it larger. Each number is at most 65535. */
    int right = file->Image.Left + file->Image.Width;
    int bottom = file->Image.Top + file->Image.Height;
    reader->width = (uint32_t)(right > file->SWidth ? right : file->SWidth);
    reader->height = (uint32_t)(bottom > file->SHeight ? bottom : file->SHeight);
    if (file->Image.Width <= 0 || file->Image.Height <= 0) {
        return optional_fail(reader, DECODER_DAMAGED, "its first frame has no pixels");
    }
    return DECODER_OK;
}

static decoder_status pixels(optional_reader *reader, uint8_t *target) {
    gif_state *state = reader->state;
    GifFileType *file = state->file;
    /* As in Pillow, a picture without a palette is grey, and so is one whose palette says of each index that it is this
       grey; colours that any other palette lacks are black. */
    uint8_t palette[256][3] = {0};
    const ColorMapObject *map = file->Image.ColorMap ? file->Image.ColorMap : file->SColorMap;
    bool isGrey = true;
    for (int i = 0; map && i < map->ColorCount && i < 256; i++) {
        palette[i][0] = map->Colors[i].Red;
        palette[i][1] = map->Colors[i].Green;
        palette[i][2] = map->Colors[i].Blue;
        isGrey = isGrey && palette[i][0] == i && palette[i][1] == i && palette[i][2] == i;
    }
    for (int i = 0; isGrey && i < 256; i++) memset(palette[i], i, 3);
    /* Around the frame is the transparent colour, else colour 0, not the file's background: so does Pillow. */
    size_t width = reader->width;
    const uint8_t *around = palette[state->transparent >= 0 ? state->transparent : 0];
    for (size_t i = 0; i < width * reader->height; i++) memcpy(target + 3 * i, around, 3);
    int columns = file->Image.Width;
    int rows = file->Image.Height;
    static const int first[] = {0, 4, 2, 1}, step[] = {8, 8, 4, 2};
    for (int pass = file->Image.Interlace ? 0 : 3; pass < 4; pass++) {
        int from = file->Image.Interlace ? first[pass] : 0;
        int by = file->Image.Interlace ? step[pass] : 1;
        for (int row = from; row < rows; row += by) {
            if (functions.DGifGetLine(file, state->line, columns) != GIF_OK) return failed(reader, file->Error);
            uint8_t *out = target + 3 * ((size_t)(file->Image.Top + row) * width + (size_t)file->Image.Left);
            for (int x = 0; x < columns; x++) memcpy(out + 3 * x, palette[state->line[x]], 3);
        }
    }
    return DECODER_OK;
}

static void close_file(optional_reader *reader) {
    gif_state *state = reader->state;
    if (state->file) functions.DGifCloseFile(state->file, NULL);
    free(state);
}

const optional_functions optional_gif = {header, pixels, close_file};
#else
const optional_functions optional_gif = {0};
#endif
