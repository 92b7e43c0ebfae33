/* The stub's line to the hub: frames over a unix socket. `hub.py` reads and writes the same. */
#pragma once

#include <errno.h>
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#pragma pack(push, 1)
struct frame {
    uint32_t size; /* of what follows */
    uint8_t kind;
    int32_t a, b, c;
    int64_t at;
    uint16_t id; /* length of the text after this header; the rest is payload */
};
#pragma pack(pop)

static pthread_mutex_t writing = PTHREAD_MUTEX_INITIALIZER;

static int whole(int line, void *to, size_t size) {
    for (char *at = to; size;) {
        ssize_t got = read(line, at, size);
        if (got < 0 && errno == EINTR) continue;
        if (got <= 0) return 0;
        at += got, size -= (size_t)got;
    }
    return 1;
}

static void tell(int line, char kind, const char *id, const void *data, size_t size, int a) {
    struct frame head = {.kind = (uint8_t)kind, .a = a, .id = (uint16_t)strlen(id)};
    char *packed = malloc(sizeof head + head.id + size);
    head.size = (uint32_t)(sizeof head - sizeof head.size + head.id + size);
    memcpy(packed, &head, sizeof head);
    memcpy(packed + sizeof head, id, head.id);
    if (size) memcpy(packed + sizeof head + head.id, data, size);
    pthread_mutex_lock(&writing);
    for (size_t at = 0, all = sizeof head + head.id + size; at < all;) {
        ssize_t put = send(line, packed + at, all - at, MSG_NOSIGNAL);
        if (put < 0 && errno != EINTR) break;
        if (put > 0) at += (size_t)put;
    }
    pthread_mutex_unlock(&writing);
    free(packed);
}

static int dial(void) {
    struct sockaddr_un there = {.sun_family = AF_UNIX};
    const char *path = getenv("AGORA_STUB_SOCKET");
    int line = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    strncpy(there.sun_path, path ? path : "", sizeof there.sun_path - 1);
    if (connect(line, (struct sockaddr *)&there, sizeof there)) {
        close(line);
        return -1;
    }
    return line;
}
