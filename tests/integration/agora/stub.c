/* A room without a network, behind the C ABI that agora-python-server-sdk 2.4.10 declares.
 *
 * What the real library does over the internet, this one does over the unix socket $AGORA_STUB_SOCKET: one line for the
 * process (its faults, its violations) and one for each connection. `hub.py` is the other end and describes the frames.
 * Whatever the wrapper binds and this file does not define is in the generated `unused.h`, and returns 0.
 *
 * Violations, told to the hub: an SDK call inside a callback (README, "Very Important Notice"), a second service in one
 * process, a handle that is NULL or was released.
 */
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "line.h"

#define EXPORT __attribute__((visibility("default")))
#define LONGEST_FRAME (1 << 20)
#define LIVE 0x5ea7

typedef void *handle;

struct info { /* RTCConnInfoInner */
    uint64_t id;
    const char *channel;
    int state;
    const char *uid;
    unsigned internal_uid;
};

struct picture { /* EncodedVideoFrameInfoInner */
    int codec, width, height, fps, frame_type, rotation, track;
    int64_t capture_ms, decode_ms;
    unsigned uid;
    int stream_type;
    int64_t presentation_ms;
};

struct sound { /* AudioFrameInner */
    int type, samples, bytes_per_sample, channels, rate;
    void *buffer;
    int64_t render_ms;
    int avsync;
    int64_t presentation_ms;
    int track;
    uint32_t rtp;
    int far_field, rms, voice, music, pitch;
};

struct service_config { /* AgoraServiceConfigInner, as far as it is read */
    int unused[3];
    void *context;
    const char *app_id;
};

struct connection_config { /* RTCConnConfigInner */
    int subscribe_audio, subscribe_video, unused[4], sound[5];
    int role, profile;
};

struct subscription { /* VideoSubscriptionOptionsInner */
    int type;
    unsigned char encoded_only;
};

struct seat {
    int live, line, joined, profile;
    handle published; /* the track */
    volatile int hung;
    char channel[65], uid[65];
    pthread_t pump;
    pthread_mutex_t gate; /* held while a callback runs */
    void **room, **user, **audio, **video;
};

static struct { int line; volatile int hung; int audio_parameters; } process = {.line = -1};
static _Thread_local int in_callback;

/* ---- the referee */

static void violation(const char *what) { tell(process.line, 'V', what, NULL, 0, 0); }

static void entered(const char *name) {
    if (in_callback) violation(name);
    while (process.hung) pause();
}

static struct seat *entered_by(const char *name, handle which) {
    struct seat *seat = which;
    entered(name);
    if (!seat || seat->live != LIVE) {
        violation(name);
        return NULL;
    }
    while (seat->hung) pause();
    return seat;
}

#define ENTER(which)                                      \
    struct seat *seat = entered_by(__func__, which);      \
    if (!seat) return -7

#define UNUSED(name) \
    EXPORT handle name(void) { entered(#name); return NULL; }
#include "unused.h"

/* ---- what the hub sends, as callbacks. Slots: the order of the wrapper's ctypes structures */

#define CALL(table, slot, type, ...) \
    do { if ((table) && (table)[slot]) ((type)(table)[slot])(__VA_ARGS__); } while (0)

typedef void (*on_state)(handle, struct info *, int);
typedef void (*on_lost)(handle, struct info *);
typedef void (*on_text)(handle, const char *);
typedef void (*on_text_code)(handle, const char *, int);
typedef void (*on_plain)(handle);
typedef void (*on_code_text)(handle, int, const char *);
typedef void (*on_message_error)(handle, const char *, int, int, int, int);
typedef void (*on_message)(handle, const char *, int, const char *, size_t);
typedef void (*on_track)(handle, const char *, handle);
typedef int (*on_picture)(handle, unsigned, const uint8_t *, size_t, struct picture *);
typedef int (*on_sound)(handle, const char *, const char *, struct sound *);

static void show(struct seat *seat, struct frame *head, const char *id, char *data, size_t size) {
    struct picture info = {.codec = head->a, .frame_type = head->b, .presentation_ms = head->at,
                           .width = head->c >> 16, .height = head->c & 0xffff, .uid = (unsigned)strtoul(id, NULL, 10)};
    CALL(seat->video, 0, on_picture, seat, info.uid, (uint8_t *)data, size, &info);
}

static void play(struct seat *seat, struct frame *head, const char *id, char *data, size_t size) {
    struct sound frame = {.samples = (int)size / 2 / head->b, .bytes_per_sample = 2, .channels = head->b,
                          .rate = head->a, .buffer = data, .presentation_ms = head->at};
    CALL(seat->audio, 4, on_sound, seat, seat->channel, id, &frame);
}

static void happen(struct seat *seat, struct frame *head, const char *id, char *data, size_t size) {
    struct info info = {.id = 1, .channel = seat->channel, .uid = seat->uid, .state = 3};
    switch (head->kind) {
    case 'c': seat->joined = 1; CALL(seat->room, 0, on_state, seat, &info, head->a); break;
    case 'd': seat->joined = 0; info.state = 1; CALL(seat->room, 1, on_state, seat, &info, head->a); break;
    case 'r': info.state = 4; CALL(seat->room, 3, on_state, seat, &info, head->a); break;
    case 'R': CALL(seat->room, 4, on_state, seat, &info, head->a); break;
    case 'l': info.state = 4; CALL(seat->room, 5, on_lost, seat, &info); break;
    case 'w': CALL(seat->room, 8, on_text, seat, id); break;
    case 'x': CALL(seat->room, 9, on_plain, seat); break;
    case 'f': info.state = 5; CALL(seat->room, 11, on_state, seat, &info, head->a); break;
    case 'j': CALL(seat->room, 12, on_text, seat, id); break;
    case 'g': CALL(seat->room, 13, on_text_code, seat, id, head->a); break;
    case 'e': CALL(seat->room, 22, on_code_text, seat, head->a, id); break;
    case 's': CALL(seat->room, 27, on_message_error, seat, id, 1, head->a, 1, 0); break;
    case 't': CALL(seat->user, 7, on_track, seat, id, seat); break;
    case 'm': CALL(seat->user, 34, on_message, seat, id, 1, data, size); break;
    case 'v': show(seat, head, id, data, size); break;
    case 'p': play(seat, head, id, data, size); break;
    case 'h': seat->hung = 1; tell(seat->line, 'h', "", NULL, 0, 0); break;
    }
}

static void *pump(void *which) {
    struct seat *seat = which;
    struct frame head;
    char *body = malloc(LONGEST_FRAME + 1), id[256];
    while (whole(seat->line, &head, sizeof head)) {
        size_t rest = head.size - (sizeof head - sizeof head.size);
        if (rest > LONGEST_FRAME || head.id >= sizeof id || !whole(seat->line, body, rest)) break;
        body[rest] = 0;
        memcpy(id, body, head.id);
        id[head.id] = 0;
        pthread_mutex_lock(&seat->gate);
        in_callback = 1;
        happen(seat, &head, id, body + head.id, rest - head.id);
        in_callback = 0;
        pthread_mutex_unlock(&seat->gate);
    }
    free(body);
    return NULL;
}

static void *faults(void *unused) {
    struct frame head;
    while (whole(process.line, &head, sizeof head)) {
        if (head.kind == 'S') raise(SIGSTOP);
        if (head.kind == 'K') abort();
        if (head.kind == 'H') {
            process.hung = 1;
            tell(process.line, 'H', "", NULL, 0, 0);
        }
    }
    return unused;
}

/* ---- the service */

static int service, factory, parameter;

/* A sender of sound, and the track that carries it: the same thing here. `by` is the seat that publishes it. */
struct track { int enabled; struct seat *by; };

EXPORT handle agora_service_create(void) {
    static int created;
    entered(__func__);
    if (created++) violation("a second service in one process");
    return &service;
}

EXPORT int agora_service_initialize(handle which, struct service_config *config) {
    const char *refusal = getenv("AGORA_STUB_REFUSAL");
    pthread_t watching;
    entered(__func__);
    if (refusal) return atoi(refusal);
    process.line = dial();
    if (!which || process.line < 0) return -7;
    tell(process.line, 'P', config->app_id, NULL, 0, (int)getpid());
    pthread_create(&watching, NULL, faults, NULL);
    pthread_detach(watching);
    return 0;
}

EXPORT handle agora_service_create_media_node_factory(handle which) { entered(__func__); return which ? &factory : NULL; }
EXPORT handle agora_service_get_agora_parameter(handle which) { entered(__func__); return which ? &parameter : NULL; }
EXPORT int agora_service_release(handle which) { entered(__func__); return which ? 0 : -7; }
EXPORT int agora_media_node_factory_destroy(handle which) { entered(__func__); return which ? 0 : -7; }

/* ---- a connection. Its local user has the same handle */

EXPORT handle agora_rtc_conn_create(handle which, struct connection_config *config) {
    struct seat *seat = calloc(1, sizeof *seat);
    pthread_mutexattr_t recursive;
    entered(__func__);
    if (!which || !config) violation(__func__);
    pthread_mutexattr_init(&recursive);
    pthread_mutexattr_settype(&recursive, PTHREAD_MUTEX_RECURSIVE);
    pthread_mutex_init(&seat->gate, &recursive);
    seat->live = LIVE, seat->line = -1, seat->profile = config->profile;
    if (config->subscribe_audio || config->subscribe_video) violation("subscribed to all");
    return seat;
}

EXPORT handle agora_rtc_conn_get_local_user(handle which) { return entered_by(__func__, which); }
EXPORT handle agora_rtc_conn_get_agora_parameter(handle which) { return entered_by(__func__, which) ? &parameter : NULL; }

EXPORT int agora_rtc_conn_create_data_stream(handle which, int *stream, int reliable, int ordered) {
    ENTER(which);
    *stream = 1;
    return reliable == ordered ? 0 : -2;
}

EXPORT int agora_rtc_conn_connect(handle which, const char *token, const char *channel, const char *uid) {
    char said[8192];
    ENTER(which);
    if (seat->line >= 0) return -8;
    strncpy(seat->channel, channel, sizeof seat->channel - 1);
    strncpy(seat->uid, uid, sizeof seat->uid - 1);
    if ((seat->line = dial()) < 0) return -7;
    size_t length = strlen(channel) + 1 + strlen(token);
    if (length >= sizeof said) return -2;
    memcpy(said, channel, strlen(channel) + 1);
    memcpy(said + strlen(channel) + 1, token, strlen(token));
    tell(seat->line, 'C', uid, said, length, seat->profile << 24 | (int)getpid());
    return pthread_create(&seat->pump, NULL, pump, seat);
}

EXPORT int agora_rtc_conn_disconnect(handle which) {
    ENTER(which);
    if (seat->line >= 0) tell(seat->line, 'D', "", NULL, 0, 0);
    return 0;
}

EXPORT int agora_rtc_conn_send_stream_message(handle which, int stream, const char *data, uint32_t size) {
    ENTER(which);
    if (!seat->joined) return -113;
    if (stream != 1 || size > 1024) return -114;
    tell(seat->line, 'M', "", data, size, 0);
    return 0;
}

EXPORT int agora_rtc_conn_renew_token(handle which, const char *token) {
    ENTER(which);
    tell(seat->line, 'T', token, NULL, 0, 0);
    return 0;
}

struct afterthought { handle seat; on_state call; };

/* The real library may keep the pointer of an observer for a while: nobody knows, so the wrapper's must outlive this. */
static void *call_late(void *which) {
    struct afterthought *late = which;
    struct info info = {.channel = "late", .uid = "0", .state = 1};
    usleep(300 * 1000);
    late->call(late->seat, &info, 5);
    free(late);
    return NULL;
}

EXPORT void agora_rtc_conn_destroy(handle which) {
    struct seat *seat = entered_by(__func__, which);
    if (!seat) return;
    if (seat->line >= 0) {
        shutdown(seat->line, SHUT_RDWR);
        pthread_join(seat->pump, NULL);
        close(seat->line);
    }
    seat->live = 0; /* never freed: a use after release is told, not undefined */
}

EXPORT int agora_rtc_conn_register_observer(handle which, void **table) {
    ENTER(which);
    if (seat->room) violation("a second observer");
    seat->room = table;
    return 0;
}

static void forget(struct seat *seat, void ***table) {
    pthread_mutex_lock(&seat->gate);
    *table = NULL;
    pthread_mutex_unlock(&seat->gate);
}

EXPORT int agora_rtc_conn_unregister_observer(handle which) {
    ENTER(which);
    if (getenv("AGORA_STUB_LATE") && seat->room) {
        struct afterthought *late = malloc(sizeof *late);
        pthread_t later;
        *late = (struct afterthought){seat, (on_state)seat->room[1]};
        pthread_create(&later, NULL, call_late, late);
        pthread_detach(later);
    }
    forget(seat, &seat->room);
    return 0;
}

#define OBSERVED(register_it, unregister_it, table)                                               \
    EXPORT int register_it(handle which, void **observer) { ENTER(which); seat->table = observer; return 0; } \
    EXPORT int unregister_it(handle which) { ENTER(which); forget(seat, &seat->table); return 0; }

OBSERVED(agora_local_user_register_observer, agora_local_user_unregister_observer, user)
OBSERVED(agora_local_user_register_video_encoded_frame_observer,
         agora_local_user_unregister_video_encoded_frame_observer, video)

EXPORT handle agora_video_encoded_frame_observer_create(void **table) { entered(__func__); return table; }
EXPORT void agora_video_encoded_frame_observer_destroy(handle which) { entered(__func__); if (!which) violation(__func__); }

EXPORT int agora_local_user_set_playback_audio_frame_before_mixing_parameters(handle which, int channels, int rate) {
    ENTER(which);
    process.audio_parameters = channels > 0 && rate > 0;
    return 0;
}

EXPORT int agora_local_user_register_audio_frame_observer(handle which, void **table) {
    ENTER(which);
    if (!process.audio_parameters) violation("audio observed before its parameters were set");
    seat->audio = table;
    return 0;
}

EXPORT int agora_local_user_unregister_audio_frame_observer(handle which) { ENTER(which); forget(seat, &seat->audio); return 0; }

#define ASKED(name, kind) \
    EXPORT int name(handle which, const char *uid) { ENTER(which); tell(seat->line, kind, uid, NULL, 0, 0); return 0; }

ASKED(agora_local_user_subscribe_audio, 'A')
ASKED(agora_local_user_unsubscribe_audio, 'a')
ASKED(agora_local_user_unsubscribe_video, 'u')
ASKED(agora_local_user_send_intra_request, 'I')

EXPORT int agora_local_user_subscribe_video(handle which, const char *uid, struct subscription *options) {
    ENTER(which);
    if (!options->encoded_only) violation("decoded pictures asked for");
    tell(seat->line, 'U', uid, NULL, 0, options->type);
    return 0;
}

/* ---- a voice of ours */

EXPORT handle agora_media_node_factory_create_audio_pcm_data_sender(handle which) {
    entered(__func__);
    return which ? calloc(1, sizeof(struct track)) : NULL;
}

EXPORT handle agora_service_create_custom_audio_track_pcm(handle which, handle sender) {
    entered(__func__);
    if (!which || !sender) violation(__func__);
    return sender;
}

EXPORT int agora_local_audio_track_set_enabled(handle which, int enabled) {
    entered(__func__);
    if (!which) violation(__func__);
    else ((struct track *)which)->enabled = enabled;
    return 0;
}

EXPORT int agora_local_user_publish_audio(handle which, handle track) {
    ENTER(which);
    if (!seat->joined) return -113;
    if (!track || seat->published) violation("published twice");
    else ((struct track *)track)->by = seat, seat->published = track;
    tell(seat->line, 'B', "", NULL, 0, 0);
    return 0;
}

EXPORT int agora_local_user_unpublish_audio(handle which, handle track) {
    ENTER(which);
    if (track) ((struct track *)track)->by = NULL;
    if (seat->published) tell(seat->line, 'b', "", NULL, 0, 0);
    seat->published = NULL;
    return 0;
}

EXPORT int agora_audio_pcm_data_sender_send(handle which, const void *data, uint32_t timestamp, int64_t at, uint32_t samples,
                                            uint32_t bytes_per_sample, uint32_t channels, uint32_t rate) {
    struct track *track = which;
    entered(__func__);
    if (!track || timestamp || at || bytes_per_sample != 2 || samples * 1000 % rate) return -2;
    if (!track->by || !track->enabled) violation("sound that nobody can hear");
    else tell(track->by->line, 'S', "", data, (size_t)samples * channels * 2, (int)rate);
    return 0;
}
