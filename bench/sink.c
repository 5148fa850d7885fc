/* An SMTP relay on loopback that takes everything and keeps nothing, for the benchmarks: one thread, epoll.
 *
 * sink [MILLISECONDS]: prints the port that it listens on; the reply to each final dot waits so long, the other replies
 * do not. On SIGTERM it prints how many messages, recipients, octets and connections it took, and ends.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { CHUNK = 256 * 1024, LINE = 2048, REPLIES = 8192, EVENTS = 256 };
static const char END[] = "\r\n.\r\n";

typedef struct Line {
    int socket, in_data, matched; /* of END, by the bytes read so far */
    size_t length, told, kept_length;
    char command[LINE], replies[REPLIES], *kept; /* what came behind a dot whose reply still waits */
    double due;
    struct Line *next;
} Line;

static long messages, recipients, octets, connections;
static double delay;
static Line *first_due, *last_due;
static char chunk[CHUNK];
static volatile sig_atomic_t asked_to_end;

static void on_term(int number) { (void)number; asked_to_end = 1; }

static double now(void) {
    struct timespec at;
    clock_gettime(CLOCK_MONOTONIC, &at);
    return at.tv_sec + at.tv_nsec / 1e9;
}

static void say(Line *line, const char *reply) {
    size_t length = strlen(reply);
    if (line->told + length <= REPLIES) {
        memcpy(line->replies + line->told, reply, length);
        line->told += length;
    }
}

static void obey(Line *line) {
    const char *command = line->command;
    if (!strncasecmp(command, "MAIL", 4)) say(line, "250 2.1.0 Ok\r\n");
    else if (!strncasecmp(command, "RCPT", 4)) { recipients++; say(line, "250 2.1.5 Ok\r\n"); }
    else if (!strncasecmp(command, "DATA", 4)) { line->in_data = 1; line->matched = 2; say(line, "354 Go ahead\r\n"); }
    else if (!strncasecmp(command, "EHLO", 4))
        say(line, "250-sink.example\r\n250-PIPELINING\r\n250-8BITMIME\r\n250-SMTPUTF8\r\n250-SIZE 52428800\r\n250 ENHANCEDSTATUSCODES\r\n");
    else if (!strncasecmp(command, "HELO", 4)) say(line, "250 sink.example\r\n");
    else if (!strncasecmp(command, "QUIT", 4)) say(line, "221 2.0.0 Bye\r\n");
    else if (!strncasecmp(command, "RSET", 4) || !strncasecmp(command, "NOOP", 4)) say(line, "250 2.0.0 Ok\r\n");
    else say(line, "502 5.5.2 No\r\n");
}

static void message_ends(Line *line) {
    messages++;
    line->in_data = 0;
    if (delay == 0) {
        say(line, "250 2.0.0 Ok: kept by nobody\r\n");
        return;
    }
    line->due = now() + delay;
    line->next = NULL;
    if (last_due) last_due->next = line; else first_due = line;
    last_due = line;
}

/* Where the end of a body ends in these bytes, looked for from behind: behind it there is at most an envelope, while a
 * body has hundreds of lines. 0 without one. */
static size_t end_in(const char *data, size_t length) {
    while (length >= 5) {
        const char *found = memrchr(data + 4, '\n', length - 4);
        if (!found) return 0;
        if (!memcmp(found - 4, END, 5)) return (size_t)(found - data) + 1;
        length = (size_t)(found - data);
    }
    return 0;
}

/* Reads a body up to its end or to the end of what came; returns how much of it was read. */
static size_t read_body(Line *line, const char *data, size_t length) {
    size_t at = 0;
    while (at < length) {
        if (line->matched == 0 && length - at > 5) {
            size_t end = end_in(data + at, length - at);
            if (end) { at += end; line->matched = 5; message_ends(line); break; }
            /* It may have begun. */
            at = length - 4;
        }
        if (data[at] == END[line->matched]) {
            at++;
            if (++line->matched == 5) { message_ends(line); break; }
        } else if (line->matched == 0) {
            at++;
        } else {
            /* What broke it may begin it anew. */
            line->matched = 0;
        }
    }
    octets += (long)at;
    return at;
}

/* Takes what came on a line; returns how much of it: all, unless a reply has to wait. */
static size_t take(Line *line, const char *data, size_t length) {
    size_t at = 0;
    while (at < length && line->due == 0) {
        if (line->in_data) { at += read_body(line, data + at, length - at); continue; }
        const char *end = memchr(data + at, '\n', length - at);
        size_t part = end ? (size_t)(end - (data + at)) + 1 : length - at;
        if (line->length + part < LINE) memcpy(line->command + line->length, data + at, part);
        line->length += part;
        at += part;
        if (end) { obey(line); line->length = 0; memset(line->command, 0, 4); }
    }
    return at;
}

static int tell(Line *line) {
    size_t told = line->told;
    line->told = 0;
    return told == 0 || write(line->socket, line->replies, told) == (ssize_t)told;
}

static void hang_up(Line *line) {
    close(line->socket);
    free(line->kept);
    free(line);
}

static void listen_for(int poll, Line *line, uint32_t events) {
    struct epoll_event wish = {.events = events, .data.ptr = line};
    epoll_ctl(poll, EPOLL_CTL_MOD, line->socket, &wish);
}

static void hear(int poll, Line *line) {
    ssize_t length = read(line->socket, chunk, CHUNK);
    if (length <= 0) { hang_up(line); return; }
    size_t taken = take(line, chunk, (size_t)length);
    if (line->due != 0) {
        line->kept_length = (size_t)length - taken;
        line->kept = memcpy(malloc(line->kept_length + 1), chunk + taken, line->kept_length);
        listen_for(poll, line, 0);
    }
    if (!tell(line) && line->due == 0) hang_up(line);
}

static void answer_due(int poll) {
    while (first_due && first_due->due <= now()) {
        Line *line = first_due;
        first_due = line->next;
        if (!first_due) last_due = NULL;
        char *kept = line->kept;
        line->kept = NULL;
        line->due = 0;
        say(line, "250 2.0.0 Ok: kept by nobody\r\n");
        /* Nobody sends a second body before the reply to the first: this never waits again. */
        take(line, kept, line->kept_length);
        free(kept);
        listen_for(poll, line, EPOLLIN);
        tell(line);
    }
}

static void let_in(int poll, int door) {
    int socket, one = 1;
    while ((socket = accept4(door, NULL, NULL, SOCK_NONBLOCK)) >= 0) {
        Line *line = calloc(1, sizeof *line);
        struct epoll_event wish = {.events = EPOLLIN, .data.ptr = line};
        setsockopt(socket, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
        line->socket = socket;
        connections++;
        epoll_ctl(poll, EPOLL_CTL_ADD, socket, &wish);
        say(line, "220 sink.example ESMTP\r\n");
        tell(line);
    }
}

int main(int count, char **arguments) {
    struct sockaddr_in where = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof where;
    struct epoll_event events[EVENTS], wish = {.events = EPOLLIN, .data.ptr = NULL};
    int door = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0), poll = epoll_create1(0);
    delay = count > 1 ? atof(arguments[1]) / 1000 : 0;
    signal(SIGPIPE, SIG_IGN);
    signal(SIGTERM, on_term);
    if (bind(door, (struct sockaddr *)&where, size) || listen(door, 1024) || getsockname(door, (struct sockaddr *)&where, &size)) {
        perror("sink");
        return 1;
    }
    printf("%d\n", ntohs(where.sin_port));
    fflush(stdout);
    epoll_ctl(poll, EPOLL_CTL_ADD, door, &wish);
    while (!asked_to_end) {
        double wait = first_due ? (first_due->due - now()) * 1000 : 1000;
        int found = epoll_wait(poll, events, EVENTS, wait < 0 ? 0 : (int)(wait + 0.999));
        answer_due(poll);
        for (int at = 0; at < found; at++) {
            Line *line = events[at].data.ptr;
            if (!line) let_in(poll, door);
            else if (line->due == 0) hear(poll, line);
        }
    }
    printf("{\"messages\": %ld, \"recipients\": %ld, \"octets\": %ld, \"connections\": %ld}\n", messages, recipients, octets, connections);
    return 0;
}
