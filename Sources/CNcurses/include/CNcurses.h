#pragma once

// The part of ncurses that Swift cannot import by itself (macros, unguarded globals), as plain functions, and the signal
// handlers, which must be C to be safe.

#include <stdbool.h>
#include <stdint.h>
#include <wchar.h>

enum {
    FROSTLINE_KEY_NONE = 0,
    FROSTLINE_KEY_CHARACTER,
    /// Those that have no character, in the order of `TerminalScreen.keys`.
    FROSTLINE_KEY_UP, FROSTLINE_KEY_DOWN, FROSTLINE_KEY_LEFT, FROSTLINE_KEY_RIGHT,
    FROSTLINE_KEY_HOME, FROSTLINE_KEY_END, FROSTLINE_KEY_PAGE_UP, FROSTLINE_KEY_PAGE_DOWN,
    FROSTLINE_KEY_ENTER, FROSTLINE_KEY_BACKSPACE, FROSTLINE_KEY_DELETE,
    /// A key that the dashboard has no name for.
    FROSTLINE_KEY_OTHER,
    /// Not a key: `frostline_mouse` has the rest.
    FROSTLINE_KEY_MOUSE,
    /// Not a key: the terminal says that it draws a frame at once, or that it cannot.
    FROSTLINE_KEY_SYNCHRONISED,
    FROSTLINE_KEY_NOT_SYNCHRONISED,
};

/// In the order of `MouseEvent.Kind`.
enum {
    FROSTLINE_MOUSE_NONE = 0,
    FROSTLINE_MOUSE_PRESS, FROSTLINE_MOUSE_DRAG, FROSTLINE_MOUSE_RELEASE,
    FROSTLINE_MOUSE_WHEEL_UP, FROSTLINE_MOUSE_WHEEL_DOWN,
};

// The screen. Only `frostline_locale_is_utf8`, `frostline_open`, `frostline_size` and `frostline_read_key` may be called
// while it is not open.

/// Whether text may hold more than ASCII. Takes the character set from the environment, and nothing else from the locale.
bool frostline_locale_is_utf8(void);
// Colours of a terminal as terminfo has them; 0 where it does not know it. No screen is opened.
int frostline_terminfo_colors(const char *_Nonnull term);
/// Remembers the terminal's state, then opens it. False where ncurses does not know `term`, or it cannot move the cursor.
bool frostline_open(const char *term);
/// Leaves the screen and puts the terminal back as it was.
void frostline_close(void);
/// Leaves the screen for a while; the next update brings it back.
void frostline_pause(void);
void frostline_unpause(void);
/// 0 where there is no colour. Colours are switched on by the first call with `wanted`.
int frostline_colors(bool wanted);
int frostline_pair_limit(void);
/// -1 is the terminal's own colour.
bool frostline_define_pair(int pair, int foreground, int background);
void frostline_size(int *width, int *height);
/// Asks the system for the size and tells ncurses. The next update repaints everything.
void frostline_follow_size(void);
void frostline_repaint(void);
/// Puts one scalar with its combining marks, `text` ending in 0, into the next update. The attributes are bits as in
/// `Style`: bold, dim, reverse, underline from the lowest on.
void frostline_put(int x, int y, const wchar_t *text, int attributes, int pair);
void frostline_erase(void);
/// Writes what differs from the screen.
void frostline_update(void);
/// The columns of a character, negative where it cannot be printed.
int frostline_width(wchar_t character);
/// The next key, FROSTLINE_KEY_NONE when no more have come.
int frostline_read_key(wchar_t *character);
/// Asks for the mouse's buttons, wheel and drags, or leaves them to the terminal.
void frostline_listen_to_mouse(bool wanted);
/// What the mouse did, once FROSTLINE_KEY_MOUSE was read.
int frostline_mouse(int *x, int *y);
/// Asks the terminal whether it can hold back a frame until it is whole; the answer comes as a key.
void frostline_ask_synchronised(void);
/// Writes bytes past ncurses, whole.
void frostline_write(const void *bytes, int length);

// Signals.

/// Counts INT, TERM and HUP and writes a byte to `wake` with each. On a screen also WINCH, TSTP and CONT, and a crash puts
/// the terminal back. Without one the second of INT, TERM and HUP exits with 130.
void frostline_signals_install(int wake, bool on_screen);
/// INT, TERM and HUP are ignored from now on, also by `frostline_signals_install`.
void frostline_signals_ignore_stops(void);
/// Puts back what was replaced on a screen.
void frostline_signals_uninstall(void);
/// How often the signal came since the last call.
int frostline_signals_take(int signal);
/// Stops this process as ^Z does, with its group or alone, and returns when it goes on.
void frostline_stop_here(bool group);
/// What a crash prints after the terminal is back: what is in `log`, to `target`, which also becomes standard error again.
/// -1 for neither.
void frostline_crash_log(int log, int target);

