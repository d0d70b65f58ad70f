/* The reference reader in C: print what a daemon decodes, and drop what came too late to be true.
 *
 *     cc -O2 -o read_commands read_commands.c -lzmq && ./read_commands tcp://127.0.0.1:5570
 *
 * The header is JSON, and flat but for its stamps; for the few fields of it that are read here no
 * library is needed. A deadline is on the clock of the machine that made it: lsl_local_clock is
 * CLOCK_MONOTONIC there, and says nothing on another machine, where readers of LSL correct it.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <zmq.h>

static char topic[256], header[65536 + 1], mine[256], same_host[300];
static float values[65536]; /* "<f4": a big-endian machine must swap its bytes */

static const char *field(const char *name)
{
    const char *found = strstr(header, name);
    return found ? found + strlen(name) : NULL;
}

static int has(const char *text)
{
    return strstr(header, text) != NULL;
}

static double now_s(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* Receives one frame; its size, or -1 where the message is not as it should be. */
static int frame(void *socket, void *buffer, size_t room, int more_expected)
{
    int more = 0, size = zmq_recv(socket, buffer, room, 0);
    size_t length = sizeof more;
    zmq_getsockopt(socket, ZMQ_RCVMORE, &more, &length);
    return size < 0 || (size_t)size > room || more != more_expected ? -1 : size;
}

static void rest(void *socket) /* of a message that nobody wants */
{
    int more = 1;
    size_t length = sizeof more;
    while (zmq_getsockopt(socket, ZMQ_RCVMORE, &more, &length) == 0 && more)
        zmq_recv(socket, topic, sizeof topic, 0);
}

int main(int count, char **arguments)
{
    const char *endpoint = count > 1 ? arguments[1] : "tcp://127.0.0.1:5570";
    void *socket = zmq_socket(zmq_ctx_new(), ZMQ_SUB);
    int high_water = 2;
    zmq_setsockopt(socket, ZMQ_RCVHWM, &high_water, sizeof high_water);
    zmq_setsockopt(socket, ZMQ_SUBSCRIBE, "decoded", 7);
    if (zmq_connect(socket, endpoint) != 0) {
        fprintf(stderr, "cannot connect to %s: %s\n", endpoint, zmq_strerror(zmq_errno()));
        return 2;
    }
    gethostname(mine, sizeof mine - 1);
    snprintf(same_host, sizeof same_host, "\"host\":\"%s\"", mine);
    for (;;) {
        int size = -1, named = frame(socket, topic, sizeof topic, 1);
        int head = named < 0 ? -1 : frame(socket, header, sizeof header - 1, 1);
        if (head >= 0)
            size = frame(socket, values, sizeof values, 0);
        if (size < 0) {
            rest(socket);
            continue;
        }
        header[head] = '\0';
        const char *deadline = field("\"deadline_s\":");
        if (named != (int)strlen("decoded")) /* a longer topic with the same beginning */
            continue;
        if (!has("\"version\":2,") || !has("\"dtype\":\"<f4\"") || deadline == NULL)
            continue;
        if (has("\"clock\":\"lsl_local_clock\"") && has(same_host) && strtod(deadline, NULL) < now_s())
            continue; /* too late to be true */
        for (size_t at = 0; at < (size_t)size / sizeof *values; at++)
            printf(at ? " %g" : "%g", (double)values[at]);
        printf("\n");
        fflush(stdout);
    }
}
