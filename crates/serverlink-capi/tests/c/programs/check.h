/* What the test programs have in common: a failed check ends the program and says where. */
#ifndef CHECK_H
#define CHECK_H

#include <serverlink/serverlink.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Far more than anything here takes. */
#define LONG_MS 30000

#define CHECK(condition)                                                                           \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            fprintf(stderr, "%s:%d: %s (slk_errno %d: %s)\n", __FILE__, __LINE__, #condition,      \
                    slk_errno(), slk_errmsg());                                                    \
            exit(1);                                                                               \
        }                                                                                          \
    } while (0)

#define OK(call) CHECK((call) == 0)

/* The call fails with this error. */
#define FAILS(error, call)                                                                         \
    do {                                                                                           \
        CHECK((call) == -1);                                                                       \
        CHECK(slk_errno() == (error));                                                             \
    } while (0)

/* As FAILS, for calls that return a handle. */
#define FAILS_NULL(error, call)                                                                    \
    do {                                                                                           \
        CHECK((call) == NULL);                                                                     \
        CHECK(slk_errno() == (error));                                                             \
    } while (0)

/* The next message is this one. */
#define RECEIVES(spot, expected_topic, expected_data)                                              \
    do {                                                                                           \
        char topic_[256], data_[4096];                                                             \
        size_t topic_len_, data_len_;                                                              \
        OK(slk_spot_recv(spot, topic_, sizeof(topic_), &topic_len_, data_, sizeof(data_),          \
                         &data_len_, LONG_MS));                                                    \
        CHECK(topic_len_ == strlen(expected_topic) && strcmp(topic_, expected_topic) == 0);        \
        CHECK(data_len_ == strlen(expected_data) && strcmp(data_, expected_data) == 0);            \
    } while (0)

/* There is nothing to receive. */
#define RECEIVES_NOTHING(spot)                                                                     \
    do {                                                                                           \
        char topic_[256], data_[4096];                                                             \
        FAILS(SLK_EAGAIN, slk_spot_recv(spot, topic_, sizeof(topic_), NULL, data_, sizeof(data_),  \
                                        NULL, SLK_DONTWAIT));                                      \
    } while (0)

#define PUBLISH(spot, topic, text) OK(slk_spot_publish(spot, topic, text, strlen(text)))

#endif
