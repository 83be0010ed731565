/* Cutaway's interface for C and for whatever calls C (C99).
 *
 *   cutaway_model* net = NULL;
 *   cutaway_image* photo = NULL;
 *   cutaway_map* map = NULL;
 *   if (cutaway_model_load("googlenet.h5", NULL, &net) != CUTAWAY_OK ||
 *       cutaway_image_read("cat.jpg", &photo) != CUTAWAY_OK ||
 *       cutaway_explain(net, photo, "gradcam", NULL, &map) != CUTAWAY_OK)
 *     fprintf(stderr, "%s\n", cutaway_last_error());
 *
 * Every function that can fail returns a status, never aborts, and leaves its outputs alone unless it
 * returns CUTAWAY_OK (or CUTAWAY_PARTIAL); cutaway_last_error() then says what was wrong. Objects are freed by the function
 * named after them, which takes NULL, too. Texts are UTF-8. Options are JSON objects; NULL or "" are
 * none, and an unknown member is an error.
 *
 * Threads: a model may be used by any number of threads at once; images and maps do not change.
 */
#ifndef CUTAWAY_H
#define CUTAWAY_H

#include <stddef.h>
#include <stdint.h>

#if defined(__GNUC__)
#define CUTAWAY_API __attribute__((visibility("default")))
#else
#define CUTAWAY_API
#endif

#ifdef __cplusplus
extern "C" {
#endif

/* Functions are added, never changed, as long as this number stays. */
#define CUTAWAY_API_VERSION 1

typedef enum cutaway_status {
  CUTAWAY_OK = 0,
  CUTAWAY_INTERNAL = 1,    /* a broken invariant of the library, a full disk */
  CUTAWAY_USAGE = 2,       /* an unknown method, layer, class or option, a NULL that may not be */
  CUTAWAY_INPUT = 3,       /* an unreadable or damaged file */
  CUTAWAY_SHAPE = 4,       /* picture and network do not fit together */
  CUTAWAY_UNSUPPORTED = 5, /* well-formed, but the library or this network does not do it */
  CUTAWAY_DEVICE = 6,      /* no such device, or it failed */
  CUTAWAY_MEMORY = 7,
  CUTAWAY_CANCELLED = 8, /* the callback said so */
  CUTAWAY_PARTIAL = 9    /* some pictures or maps failed, the rest is there, outputs too */
} cutaway_status;

/* A network with its preprocessing and the names of its classes. */
typedef struct cutaway_model cutaway_model;
/* 8-bit RGB. */
typedef struct cutaway_image cutaway_image;
/* What a method says of one picture and class. */
typedef struct cutaway_map cutaway_map;

/* "0.1.0"; the CUTAWAY_API_VERSION that the library was built with. */
CUTAWAY_API const char* cutaway_version(void);
CUTAWAY_API int cutaway_api_version(void);

/* Of the last call on this thread that failed: where, what, what was expected, what to try. Valid until
 * the next call that fails on this thread. Never NULL. */
CUTAWAY_API const char* cutaway_last_error(void);

/* A JSON array of all methods: name, whether they take a layer, and their options with types, ranges,
 * defaults and one line of help each. Valid for ever. */
CUTAWAY_API const char* cutaway_methods(void);

/* Loads a package (`cutaway convert` makes them).
 * Options: "device" ("auto", "cpu", "cuda", "cuda:N"), "threads" (0: all), "seed", "engine". */
CUTAWAY_API cutaway_status cutaway_model_load(const char* path,
                                              const char* options,
                                              cutaway_model** model);
CUTAWAY_API void cutaway_model_free(cutaway_model* model);
CUTAWAY_API int64_t cutaway_model_classes(const cutaway_model* model);
/* The name of a class, or its number where there are no names; NULL for a class there is not. Valid as
 * long as the model. */
CUTAWAY_API const char* cutaway_model_label(const cutaway_model* model, int64_t label);

/* Decodes a JPEG, PNG, WebP, TIFF or BMP, turned as its EXIF orientation says. */
CUTAWAY_API cutaway_status cutaway_image_read(const char* path, cutaway_image** image);
CUTAWAY_API cutaway_status cutaway_image_decode(const void* bytes,
                                                size_t size,
                                                cutaway_image** image);
/* Copies width x height pixels of three bytes (R, G, B); rows are `stride` bytes apart (0: no gap). */
CUTAWAY_API cutaway_status cutaway_image_from_rgb(
    const uint8_t* rgb, int width, int height, size_t stride, cutaway_image** image);
CUTAWAY_API void cutaway_image_free(cutaway_image* image);
CUTAWAY_API int cutaway_image_width(const cutaway_image* image);
CUTAWAY_API int cutaway_image_height(const cutaway_image* image);
/* height x width x 3, no gaps; valid as long as the image. */
CUTAWAY_API const uint8_t* cutaway_image_rgb(const cutaway_image* image);
/* Written whole or not at all. */
CUTAWAY_API cutaway_status cutaway_image_write_png(const cutaway_image* image, const char* path);

/* The probability of every class; `count` must be cutaway_model_classes(). */
CUTAWAY_API cutaway_status cutaway_classify(cutaway_model* model,
                                            const cutaway_image* image,
                                            double* probabilities,
                                            size_t count);

/* The map of one method ("gradcam", ...).
 * Options: "target": a class number, a name, or "top1", "top2", ... (default "top1"); "layer": for
 * methods that take one (default: the network's last maps); "options": an object of the method's own,
 * {"masks": 1000}. The numbers are those of `cutaway explain`. */
CUTAWAY_API cutaway_status cutaway_explain(cutaway_model* model,
                                           const cutaway_image* image,
                                           const char* method,
                                           const char* options,
                                           cutaway_map** map);
CUTAWAY_API void cutaway_map_free(cutaway_map* map);
CUTAWAY_API int64_t cutaway_map_channels(const cutaway_map* map);
CUTAWAY_API int64_t cutaway_map_height(const cutaway_map* map);
CUTAWAY_API int64_t cutaway_map_width(const cutaway_map* map);
/* channels x height x width; valid as long as the map, as are the texts. */
CUTAWAY_API const float* cutaway_map_values(const cutaway_map* map);
/* The class that is explained, or the map of the layer for methods that project a unit (deconvnet). */
CUTAWAY_API int64_t cutaway_map_target(const cutaway_map* map);
/* The layer it is of: "input" for maps of pixels. */
CUTAWAY_API const char* cutaway_map_layer(const cutaway_map* map);
/* Why the map means nothing (values that are not finite, or all the same); "" where it does. */
CUTAWAY_API const char* cutaway_map_warning(const cutaway_map* map);

/* The map in colours over what the network saw of `image`, with a colour bar: the picture that
 * `cutaway explain` writes. Options: "colormap" ("turbo", ...), "heat_weight" (0 to 1), "clip"
 * (a quantile). */
CUTAWAY_API cutaway_status cutaway_map_figure(const cutaway_model* model,
                                              const cutaway_map* map,
                                              const cutaway_image* image,
                                              const char* options,
                                              cutaway_image** figure);

/* Told how far a run is; anything but 0 cancels it. */
typedef int (*cutaway_progress)(void* user, const char* task, double done, double total);

/* `cutaway explain` on files: maps, pictures, report and manifest in a folder.
 * Job: "inputs" (paths: pictures, folders, lists, archives), "methods" (names), "out" (a folder), and
 * optionally "targets", "layers", "recursive", "batch", "resume", "overwrite", "report", "pictures",
 * "raw". `progress` may be NULL. `report`, if not NULL, receives the path of report.html, to be freed
 * with cutaway_text_free. */
CUTAWAY_API cutaway_status cutaway_explain_files(
    cutaway_model* model, const char* job, cutaway_progress progress, void* user, char** report);
CUTAWAY_API void cutaway_text_free(char* text);

#ifdef __cplusplus
}
#endif

#endif
