#define _GNU_SOURCE 1
#define _XOPEN_SOURCE_EXTENDED 1
#define NCURSES_WIDECHAR 1

#include "CNcurses.h"

#include <errno.h>
#include <langinfo.h>
#include <locale.h>
#include <poll.h>
#include <curses.h>
#include <term.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

// MARK: What a crash needs, prepared beforehand

static struct termios saved_termios;
static bool termios_saved = false;
/// Two buffers, so that a crash while one is filled finds the other whole.
static char leave_bytes[2][512];
static volatile sig_atomic_t leave_length[2];
static volatile sig_atomic_t leave_current = -1;
static volatile sig_atomic_t crash_log = -1;
static volatile sig_atomic_t crash_target = -1;

/// Appends a terminfo string without its delays, which only tputs may interpret.
static void append(char *buffer, int *length, const char *text) {
    if (text == NULL || text == (char *)-1) return;
    while (*text != 0) {
        if (text[0] == '$' && text[1] == '<') {
            const char *end = strchr(text, '>');
            if (end != NULL) {
                text = end + 1;
                continue;
            }
        }
        if (*length >= (int)sizeof leave_bytes[0]) return;
        buffer[(*length)++] = *text++;
    }
}

/// Whether the terminal was asked for drags, which ncurses does not take back by itself.
static bool listens_to_mouse = false;
static const char mouse_on[] = "\033[?1002h\033[?1006h";
static const char mouse_off[] = "\033[?1006l\033[?1002l\033[?1000l";

static void prepare_leaving(void) {
    int next = leave_current == 0 ? 1 : 0;
    int length = 0;
    char *buffer = leave_bytes[next];
    append(buffer, &length, tigetstr("sgr0"));
    append(buffer, &length, tigetstr("op"));
    append(buffer, &length, tigetstr("rmkx"));
    if (listens_to_mouse) append(buffer, &length, mouse_off);
    char *move = tigetstr("cup");
    if (move != NULL && move != (char *)-1) append(buffer, &length, tparm(move, LINES - 1, 0, 0, 0, 0, 0, 0, 0, 0));
    append(buffer, &length, tigetstr("rmcup"));
    append(buffer, &length, tigetstr("cnorm"));
    append(buffer, &length, "\r");
    char *alternate = tigetstr("rmcup");
    if (alternate == NULL || alternate == (char *)-1) append(buffer, &length, "\n");
    leave_length[next] = length;
    leave_current = next;
}

// MARK: The screen

static SCREEN *screen = NULL;
static WINDOW *keys = NULL;
static bool away = false;

static struct sigaction before_open[6];
static const int handled[6] = {SIGWINCH, SIGTSTP, SIGCONT, SIGINT, SIGTERM, SIGHUP};

bool frostline_locale_is_utf8(void) {
    // Not LC_ALL: a decimal comma has no place in what this program writes and reads.
    setlocale(LC_CTYPE, "");
    if (strcmp(nl_langinfo(CODESET), "UTF-8") == 0) return true;
    // A locale that was asked for and is not installed here.
    const char *wanted = getenv("LC_ALL");
    if (wanted == NULL || *wanted == 0) wanted = getenv("LC_CTYPE");
    if (wanted == NULL || *wanted == 0) wanted = getenv("LANG");
    if (wanted == NULL || (strcasestr(wanted, "utf-8") == NULL && strcasestr(wanted, "utf8") == NULL)) return false;
    return setlocale(LC_CTYPE, "C.UTF-8") != NULL && strcmp(nl_langinfo(CODESET), "UTF-8") == 0;
}

bool frostline_open(const char *term) {
    if (screen != NULL) return true;
    // ncurses installs handlers of its own in newterm, so what was there is remembered first.
    for (int i = 0; i < 6; i++) sigaction(handled[i], NULL, &before_open[i]);
    termios_saved = tcgetattr(STDIN_FILENO, &saved_termios) == 0;
    screen = newterm((char *)term, stdout, stdin);
    if (screen != NULL) {
        char *move = tigetstr("cup");
        if (move == NULL || move == (char *)-1) {
            endwin();
            delscreen(screen);
            screen = NULL;
        }
    }
    if (screen == NULL) {
        for (int i = 0; i < 6; i++) sigaction(handled[i], &before_open[i], NULL);
        if (termios_saved) tcsetattr(STDIN_FILENO, TCSANOW, &saved_termios);
        return false;
    }
    raw();
    noecho();
    nonl();
    set_escdelay(25);
    typeahead(-1);
    curs_set(0);
    scrollok(stdscr, FALSE);
    idlok(stdscr, FALSE);
    // Where the cursor rests is of no interest, and moving it back costs bytes.
    leaveok(stdscr, TRUE);
    keys = newpad(1, 1);
    if (keys != NULL) {
        keypad(keys, TRUE);
        nodelay(keys, TRUE);
        // What terminals send that are not in application mode, whatever terminfo promises.
        static const struct { const char *sequence; int key; } plain[] = {
            {"\033[A", KEY_UP},   {"\033[B", KEY_DOWN}, {"\033[C", KEY_RIGHT},
            {"\033[D", KEY_LEFT}, {"\033[H", KEY_HOME}, {"\033[F", KEY_END},
        };
        for (size_t i = 0; i < sizeof plain / sizeof *plain; i++)
            if (key_defined(plain[i].sequence) == 0) define_key(plain[i].sequence, plain[i].key);
    }
    away = false;
    frostline_follow_size();
    return true;
}

void frostline_close(void) {
    leave_current = -1;
    frostline_listen_to_mouse(false);
    frostline_pause();
    if (termios_saved) tcsetattr(STDIN_FILENO, TCSANOW, &saved_termios);
    if (keys != NULL) delwin(keys);
    keys = NULL;
    delscreen(screen);
    screen = NULL;
}

void frostline_pause(void) {
    if (away) return;
    if (listens_to_mouse) frostline_write(mouse_off, sizeof mouse_off - 1);
    curs_set(1);
    endwin();
    away = true;
}

void frostline_unpause(void) {
    away = false;
    reset_prog_mode();
    raw();
    curs_set(0);
    frostline_follow_size();
    if (listens_to_mouse) {
        // ncurses comes back with its own idea of the mouse first.
        frostline_update();
        listens_to_mouse = false;
        frostline_listen_to_mouse(true);
    }
}

int frostline_colors(bool wanted) {
    if (!wanted || !has_colors()) return 0;
    if (start_color() == ERR) return 0;
    use_default_colors();
    return COLORS;
}

int frostline_pair_limit(void) { return COLOR_PAIRS; }

bool frostline_define_pair(int pair, int foreground, int background) {
    return init_extended_pair(pair, foreground, background) != ERR;
}

void frostline_size(int *width, int *height) {
    *width = screen == NULL ? 0 : getmaxx(stdscr);
    *height = screen == NULL ? 0 : getmaxy(stdscr);
}

void frostline_follow_size(void) {
    struct winsize size;
    if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_row > 0 && size.ws_col > 0) {
        if (size.ws_row != getmaxy(stdscr) || size.ws_col != getmaxx(stdscr)) resizeterm(size.ws_row, size.ws_col);
    }
    prepare_leaving();
    frostline_repaint();
}

void frostline_repaint(void) { clearok(stdscr, TRUE); }

void frostline_put(int x, int y, const wchar_t *text, int attributes, int pair) {
    static const attr_t by_bit[4] = {A_BOLD, A_DIM, A_REVERSE, A_UNDERLINE};
    attr_t look = A_NORMAL;
    for (int bit = 0; bit < 4; bit++) if (attributes >> bit & 1) look |= by_bit[bit];
    cchar_t cell;
    // The pair goes in by `opts`: the short argument ends at 32767, and COLOR_PAIR at 255.
    if (setcchar(&cell, text, look, 0, &pair) == OK) mvwadd_wchnstr(stdscr, y, x, &cell, 1);
}

void frostline_erase(void) { werase(stdscr); }

void frostline_update(void) {
    wnoutrefresh(stdscr);
    doupdate();
}

int frostline_width(wchar_t character) { return wcwidth(character); }

/// Beyond the codes that ncurses has itself.
enum { key_synchronised = KEY_MAX + 41, key_not_synchronised = KEY_MAX + 42 };

void frostline_ask_synchronised(void) {
    // 1 and 2: known, and switched on or off. 0, 3 and 4: unknown, or not to be changed.
    define_key("\033[?2026;1$y", key_synchronised);
    define_key("\033[?2026;2$y", key_synchronised);
    define_key("\033[?2026;0$y", key_not_synchronised);
    define_key("\033[?2026;3$y", key_not_synchronised);
    define_key("\033[?2026;4$y", key_not_synchronised);
    frostline_write("\033[?2026$p", 9);
}

/// All of it, in calls that a signal handler may make.
static void write_all(int descriptor, const char *from, ssize_t length) {
    while (length > 0) {
        ssize_t written = write(descriptor, from, (size_t)length);
        if (written < 0 && errno == EINTR) continue;
        if (written < 0 && errno == EAGAIN) {
            struct pollfd room = {.fd = descriptor, .events = POLLOUT};
            if (poll(&room, 1, 1000) > 0) continue;
        }
        if (written <= 0) return;
        from += written;
        length -= written;
    }
}

void frostline_write(const void *bytes, int length) { write_all(STDOUT_FILENO, bytes, length); }

enum { mouse_report = KEY_MAX + 43, old_mouse_report = KEY_MAX + 44 };

void frostline_listen_to_mouse(bool wanted) {
    if (wanted == listens_to_mouse) return;
    listens_to_mouse = wanted;
    if (wanted) {
        // Read here and not by ncurses, which makes a press and a release that arrive together one event, and loses it
        // where a key follows at once; its old protocol also ends at column 223.
        define_key("\033[<", mouse_report);
        define_key("\033[M", old_mouse_report);
        frostline_write(mouse_on, sizeof mouse_on - 1);
    } else {
        frostline_write(mouse_off, sizeof mouse_off - 1);
    }
    prepare_leaving();
}

static struct { int kind, x, y; } mouse;

/// What a button code means; `released` is known only in the newer protocol.
static int mouse_kind(int code, bool released) {
    int button = code & 3;
    if (code & 64) {
        if (button == 0) return FROSTLINE_MOUSE_WHEEL_UP;
        return button == 1 ? FROSTLINE_MOUSE_WHEEL_DOWN : FROSTLINE_MOUSE_NONE;
    }
    if (released || button == 3) return FROSTLINE_MOUSE_RELEASE;
    if (button != 0) return FROSTLINE_MOUSE_NONE;
    return code & 32 ? FROSTLINE_MOUSE_DRAG : FROSTLINE_MOUSE_PRESS;
}

/// The rest of a report: `code;column;line` and M or m, or three bytes of 32 and more. The rest of one that was cut in two
/// is waited for a moment.
static void read_mouse(bool is_old) {
    int numbers[3] = {0, 0, 0}, at = 0;
    wint_t read = 0;
    mouse.kind = FROSTLINE_MOUSE_NONE;
    wtimeout(keys, 50);
    for (int count = 0; count < 24; count++) {
        if (wget_wch(keys, &read) != OK) break;
        if (is_old) {
            numbers[at++] = (int)read - 32;
            if (at < 3) continue;
            mouse.kind = mouse_kind(numbers[0], false);
            break;
        }
        if (read >= '0' && read <= '9') {
            if (numbers[at] < 10000) numbers[at] = numbers[at] * 10 + (int)(read - '0');
        } else if (read == ';' && at < 2) {
            at++;
        } else {
            if ((read == 'M' || read == 'm') && at == 2) mouse.kind = mouse_kind(numbers[0], read == 'm');
            break;
        }
    }
    nodelay(keys, TRUE);
    mouse.x = numbers[1] - 1;
    mouse.y = numbers[2] - 1;
}

int frostline_mouse(int *x, int *y) {
    *x = mouse.x;
    *y = mouse.y;
    return mouse.kind;
}

int frostline_read_key(wchar_t *character) {
    *character = 0;
    if (keys == NULL) return FROSTLINE_KEY_NONE;
    wint_t read = 0;
    int kind = wget_wch(keys, &read);
    if (kind == ERR) return FROSTLINE_KEY_NONE;
    if (kind != KEY_CODE_YES) {
        *character = (wchar_t)read;
        return FROSTLINE_KEY_CHARACTER;
    }
    switch (read) {
    case KEY_UP: return FROSTLINE_KEY_UP;
    case KEY_DOWN: return FROSTLINE_KEY_DOWN;
    case KEY_LEFT: return FROSTLINE_KEY_LEFT;
    case KEY_RIGHT: return FROSTLINE_KEY_RIGHT;
    case KEY_HOME: case KEY_A1: case KEY_FIND: return FROSTLINE_KEY_HOME;
    case KEY_END: case KEY_LL: case KEY_C1: case KEY_SELECT: return FROSTLINE_KEY_END;
    case KEY_PPAGE: case KEY_A3: return FROSTLINE_KEY_PAGE_UP;
    case KEY_NPAGE: case KEY_C3: return FROSTLINE_KEY_PAGE_DOWN;
    case KEY_ENTER: return FROSTLINE_KEY_ENTER;
    case KEY_BACKSPACE: return FROSTLINE_KEY_BACKSPACE;
    case KEY_DC: return FROSTLINE_KEY_DELETE;
    case mouse_report: case old_mouse_report:
        read_mouse(read == old_mouse_report);
        return FROSTLINE_KEY_MOUSE;
    case key_synchronised: return FROSTLINE_KEY_SYNCHRONISED;
    case key_not_synchronised: return FROSTLINE_KEY_NOT_SYNCHRONISED;
    default: return FROSTLINE_KEY_OTHER;
    }
}

// MARK: Signals

/// Lock-free, so a handler may add to them on any thread.
static atomic_int counts[NSIG];
static volatile sig_atomic_t wake_descriptor = -1;
static const int crashes[6] = {SIGSEGV, SIGBUS, SIGILL, SIGABRT, SIGFPE, SIGTRAP};
static struct sigaction before_crashes[6];
static bool installed = false;
static volatile sig_atomic_t is_on_screen = false;
static atomic_int stops;

static bool asks_to_stop(int signal) { return signal == SIGINT || signal == SIGTERM || signal == SIGHUP; }

static void count_signal(int signal) {
    int saved = errno;
    // The loop may be in a write that nothing reads, so this does not wait for it. What is saved is whole at any moment.
    if (!is_on_screen && asks_to_stop(signal) && atomic_fetch_add(&stops, 1) >= 1) _exit(130);
    atomic_fetch_add(&counts[signal], 1);
    // A full pipe refuses the byte, which is fine: it is readable already.
    if (wake_descriptor >= 0) {
        ssize_t written = write(wake_descriptor, "", 1);
        (void)written;
    }
    errno = saved;
}

/// Only what POSIX allows in a signal handler: the terminal back, the log out, and then the crash as it would have been.
static void crash(int signal) {
    int current = leave_current;
    if (current >= 0) {
        leave_current = -1;
        write_all(STDOUT_FILENO, leave_bytes[current], leave_length[current]);
        if (termios_saved) tcsetattr(STDIN_FILENO, TCSANOW, &saved_termios);
    }
    if (crash_target >= 0) {
        dup2(crash_target, STDERR_FILENO);
        char buffer[1024];
        off_t offset = 0;
        ssize_t got;
        while (crash_log >= 0 && (got = pread(crash_log, buffer, sizeof buffer, offset)) > 0) {
            write_all(STDERR_FILENO, buffer, got);
            offset += got;
        }
        crash_target = -1;
    }
    // Not Swift's own handler, which would ask on the terminal what to do.
    struct sigaction usual = {.sa_handler = SIG_DFL};
    sigaction(signal, &usual, NULL);
    // Waits until this handler returns, then ends the program.
    raise(signal);
}

void frostline_crash_log(int log, int target) {
    crash_log = log;
    crash_target = target;
}

static void handle(int signal) {
    struct sigaction action = {.sa_handler = count_signal, .sa_flags = SA_RESTART};
    sigfillset(&action.sa_mask);
    sigaction(signal, &action, NULL);
}

static bool ignores_stops = false;

void frostline_signals_ignore_stops(void) {
    ignores_stops = true;
    for (int i = 0; i < 6; i++)
        if (asks_to_stop(handled[i])) signal(handled[i], SIG_IGN);
}

void frostline_signals_install(int wake, bool on_screen) {
    wake_descriptor = wake;
    if (installed) return;
    installed = true;
    is_on_screen = on_screen;
    for (int i = 0; i < 6; i++) {
        atomic_store(&counts[handled[i]], 0);
        if (!on_screen && !asks_to_stop(handled[i])) continue;
        if (ignores_stops && asks_to_stop(handled[i])) continue;
        if (!on_screen) sigaction(handled[i], NULL, &before_open[i]);
        bool ignored = before_open[i].sa_handler == SIG_IGN && !(before_open[i].sa_flags & SA_SIGINFO);
        if (ignored && (handled[i] == SIGHUP || handled[i] == SIGTSTP)) {
            sigaction(handled[i], &before_open[i], NULL);
        } else {
            handle(handled[i]);
        }
    }
    if (!on_screen) return;
    // A stack of its own, so that a stack that overflowed is no obstacle (on the main thread).
    static char *stack = NULL;
    if (stack == NULL) {
        stack = malloc(65536);
        stack_t alternate = {.ss_sp = stack, .ss_flags = 0, .ss_size = 65536};
        stack_t existing;
        if (stack != NULL && sigaltstack(NULL, &existing) == 0 && (existing.ss_flags & SS_DISABLE)) {
            sigaltstack(&alternate, NULL);
        }
    }
    struct sigaction action = {.sa_handler = crash, .sa_flags = SA_ONSTACK};
    sigfillset(&action.sa_mask);
    for (int i = 0; i < 6; i++) sigaction(crashes[i], &action, &before_crashes[i]);
}

void frostline_signals_uninstall(void) {
    if (!installed || !is_on_screen) return;
    installed = false;
    for (int i = 0; i < 6; i++) {
        sigaction(handled[i], &before_open[i], NULL);
        sigaction(crashes[i], &before_crashes[i], NULL);
    }
    wake_descriptor = -1;
}

int frostline_signals_take(int signal) { return atomic_exchange(&counts[signal], 0); }

void frostline_stop_here(bool group) {
    frostline_signals_take(SIGCONT);
    struct sigaction ours, usual = {.sa_handler = SIG_DFL};
    sigaction(SIGTSTP, &usual, &ours);
    kill(group ? 0 : getpid(), SIGTSTP);
    // With several threads the stop need not have happened when kill returns. In an orphaned group, which no shell could
    // let go on, the system does not stop it at all, so this does not wait for long.
    for (int i = 0; i < 100 && frostline_signals_take(SIGCONT) == 0; i++) {
        struct timespec moment = {.tv_sec = 0, .tv_nsec = 1000000};
        nanosleep(&moment, NULL);
    }
    sigaction(SIGTSTP, &ours, NULL);
}

int frostline_terminfo_colors(const char *term) {
    int problem = 0;
    TERMINAL *before = cur_term;
    if (setupterm((char *)term, STDOUT_FILENO, &problem) != OK) return 0;
    TERMINAL *own = cur_term;
    int colors = tigetnum("colors");
    set_curterm(before);
    if (own != before) del_curterm(own);
    return colors > 0 ? colors : 0;
}
