/* consumer NET PICTURE FOLDER METHOD...: FOLDER holds what `cutaway explain NET PICTURE --method METHOD,... --out FOLDER`
 * wrote. Maps and pixels of figures made through cutaway.h must be the same, on one thread and on eight at once. */
#include <dirent.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cutaway.h"

static int failures = 0;

#define CHECK(condition)                                                                        \
  do {                                                                                          \
    if (!(condition)) {                                                                         \
      fprintf(stderr, "line %d: %s (%s)\n", __LINE__, #condition, cutaway_last_error());        \
      ++failures;                                                                               \
    }                                                                                           \
  } while (0)

#define MUST(condition)            \
  do {                             \
    CHECK(condition);              \
    if (failures > 0) exit(1);     \
  } while (0)

static char* read_whole(const char* path, size_t* size) {
  FILE* file = fopen(path, "rb");
  char* bytes;
  long n;
  if (file == NULL) return NULL;
  fseek(file, 0, SEEK_END);
  n = ftell(file);
  rewind(file);
  bytes = malloc((size_t)n + 1);
  *size = fread(bytes, 1, (size_t)n, file);
  fclose(file);
  return bytes;
}

/* The file of the folder whose name has "__METHOD__" in it and ends so. */
static int find_file(const char* folder, const char* method, const char* end, char* path, size_t most) {
  char middle[128];
  DIR* d = opendir(folder);
  const struct dirent* e;
  int found = 0;
  snprintf(middle, sizeof middle, "__%s__", method);
  while (d != NULL && (e = readdir(d)) != NULL) {
    const size_t n = strlen(e->d_name), m = strlen(end);
    if (strstr(e->d_name, middle) == NULL || n < m || strcmp(e->d_name + n - m, end) != 0) continue;
    snprintf(path, most, "%s/%s", folder, e->d_name);
    found = 1;
  }
  if (d != NULL) closedir(d);
  return found;
}

static void compare_with_program(cutaway_model* net, const cutaway_image* photo, const char* folder, const char* method) {
  char npy[4096], png[4096];
  size_t size = 0, header, values;
  char* bytes;
  cutaway_map* map = NULL;
  cutaway_image *figure = NULL, *theirs = NULL;
  MUST(find_file(folder, method, ".npy", npy, sizeof npy));
  MUST(find_file(folder, method, ".png", png, sizeof png));
  MUST(cutaway_explain(net, photo, method, "{\"target\": \"top1\"}", &map) == CUTAWAY_OK);
  bytes = read_whole(npy, &size);
  MUST(bytes != NULL && size > 10);
  header = 10 + (unsigned char)bytes[8] + 256 * (size_t)(unsigned char)bytes[9];
  values = (size_t)(cutaway_map_channels(map) * cutaway_map_height(map) * cutaway_map_width(map));
  CHECK(size == header + values * sizeof(float));
  CHECK(memcmp(bytes + header, cutaway_map_values(map), values * sizeof(float)) == 0);
  free(bytes);
  CHECK(cutaway_map_warning(map)[0] == '\0');
  CHECK(cutaway_map_target(map) >= 0);
  CHECK(strlen(cutaway_map_layer(map)) > 0);
  MUST(cutaway_map_figure(net, map, photo, NULL, &figure) == CUTAWAY_OK);
  MUST(cutaway_image_read(png, &theirs) == CUTAWAY_OK);
  size = 3 * (size_t)cutaway_image_width(figure) * (size_t)cutaway_image_height(figure);
  CHECK(cutaway_image_width(theirs) == cutaway_image_width(figure) &&
        cutaway_image_height(theirs) == cutaway_image_height(figure));
  CHECK(memcmp(cutaway_image_rgb(theirs), cutaway_image_rgb(figure), size) == 0);
  cutaway_image_free(theirs);
  cutaway_image_free(figure);
  cutaway_map_free(map);
}

struct work {
  cutaway_model* net;
  const cutaway_image* photo;
  const char* method;
  const float* expected;
  size_t values;
  int wrong;
};

static void* explain_often(void* argument) {
  struct work* w = argument;
  int i;
  for (i = 0; i < 6; ++i) {
    cutaway_map* map = NULL;
    if (cutaway_explain(w->net, w->photo, w->method, NULL, &map) != CUTAWAY_OK ||
        memcmp(cutaway_map_values(map), w->expected, w->values * sizeof(float)) != 0)
      ++w->wrong;
    cutaway_map_free(map);
    /* An error on one thread is not another's. */
    if (cutaway_explain(w->net, w->photo, "nobody", NULL, &map) != CUTAWAY_USAGE) ++w->wrong;
  }
  return NULL;
}

static void use_threads(cutaway_model* net, const cutaway_image* photo, const char* method) {
  pthread_t threads[8];
  struct work work[8];
  cutaway_map* map = NULL;
  int i;
  MUST(cutaway_explain(net, photo, method, NULL, &map) == CUTAWAY_OK);
  for (i = 0; i < 8; ++i) {
    work[i].net = net;
    work[i].photo = photo;
    work[i].method = method;
    work[i].expected = cutaway_map_values(map);
    work[i].values = (size_t)(cutaway_map_channels(map) * cutaway_map_height(map) * cutaway_map_width(map));
    work[i].wrong = 0;
    MUST(pthread_create(&threads[i], NULL, explain_often, &work[i]) == 0);
  }
  for (i = 0; i < 8; ++i) {
    pthread_join(threads[i], NULL);
    CHECK(work[i].wrong == 0);
  }
  cutaway_map_free(map);
}

static int cancel_at_once(void* user, const char* task, double done, double total) {
  (void)task;
  (void)done;
  (void)total;
  ++*(int*)user;
  return 1;
}

static void check_errors(cutaway_model* net, const cutaway_image* photo, const char* picture, const char* folder) {
  static const char* const bad[] = {"[1]", "{", "{\"colour\": 1}", "{\"target\": \"nobody at all\"}", "{\"target\": 100000}",
                                    "{\"layer\": 3}", "{\"layer\": \"no such layer\"}", "{\"options\": {\"nothing\": 1}}",
                                    "{\"options\": 3}"};
  const uint8_t grey[12] = {9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9};
  cutaway_model* none = NULL;
  cutaway_image* image = NULL;
  cutaway_map* map = NULL;
  double p[4];
  char job[8192];
  char* report = NULL;
  char damaged[4096];
  FILE* file;
  size_t i;
  int heard = 0;
  snprintf(damaged, sizeof damaged, "%s/damaged.png", folder);
  file = fopen(damaged, "wb");
  MUST(file != NULL);
  fputs("\x89PNG\r\n\x1a\n and no more", file);
  fclose(file);
  CHECK(cutaway_model_load("/no/such/file.h5", NULL, &none) == CUTAWAY_INPUT && none == NULL);
  CHECK(strstr(cutaway_last_error(), "/no/such/file.h5") != NULL);
  CHECK(cutaway_model_load(NULL, NULL, &none) == CUTAWAY_USAGE);
  CHECK(cutaway_model_load(picture, NULL, &none) == CUTAWAY_INPUT);
  CHECK(cutaway_model_load(picture, "{\"device\": \"abacus\"}", &none) == CUTAWAY_USAGE);
  CHECK(cutaway_model_load(picture, "{\"threads\": -1}", &none) == CUTAWAY_USAGE);
  CHECK(cutaway_model_load(picture, "{\"threads\": 5000}", &none) == CUTAWAY_USAGE);
  CHECK(cutaway_image_read("/no/such/picture.jpg", &image) == CUTAWAY_INPUT && image == NULL);
  CHECK(cutaway_image_decode("no picture", 10, &image) == CUTAWAY_INPUT);
  CHECK(cutaway_image_decode(NULL, 10, &image) == CUTAWAY_USAGE);
  CHECK(cutaway_image_from_rgb(grey, 0, 2, 0, &image) == CUTAWAY_USAGE);
  CHECK(cutaway_image_from_rgb(grey, 2, 2, 5, &image) == CUTAWAY_USAGE);
  CHECK(cutaway_explain(net, photo, "gradcam", NULL, NULL) == CUTAWAY_USAGE);
  CHECK(cutaway_explain(net, NULL, "gradcam", NULL, &map) == CUTAWAY_USAGE);
  CHECK(cutaway_explain(NULL, photo, "gradcam", NULL, &map) == CUTAWAY_USAGE);
  CHECK(cutaway_explain(net, photo, NULL, NULL, &map) == CUTAWAY_USAGE);
  CHECK(cutaway_explain(net, photo, "cam-family", NULL, &map) == CUTAWAY_USAGE);
  for (i = 0; i < sizeof bad / sizeof *bad; ++i) CHECK(cutaway_explain(net, photo, "gradcam", bad[i], &map) == CUTAWAY_USAGE);
  CHECK(map == NULL);
  CHECK(cutaway_classify(net, photo, p, 4) == CUTAWAY_USAGE);
  CHECK(cutaway_model_label(net, -1) == NULL);
  CHECK(cutaway_model_label(net, cutaway_model_classes(net)) == NULL);
  CHECK(cutaway_image_write_png(photo, "/no/such/folder/x.png") != CUTAWAY_OK);
  CHECK(cutaway_explain_files(net, "{\"inputs\": \"x\"}", NULL, NULL, NULL) == CUTAWAY_USAGE);
  snprintf(job, sizeof job, "{\"inputs\": [\"%s\"], \"methods\": [\"gradcam\"], \"out\": \"%s/cancelled\"}", picture, folder);
  CHECK(cutaway_explain_files(net, job, cancel_at_once, &heard, &report) == CUTAWAY_CANCELLED);
  CHECK(heard > 0 && report == NULL);
  snprintf(job, sizeof job, "{\"inputs\": [\"%s\", \"%s\"], \"methods\": [\"gradcam\"], \"out\": \"%s/partial\"}", picture,
           damaged, folder);
  CHECK(cutaway_explain_files(net, job, NULL, NULL, &report) == CUTAWAY_PARTIAL);
  CHECK(report != NULL && strstr(cutaway_last_error(), "damaged.png") != NULL);
  cutaway_text_free(report);
  cutaway_model_free(NULL);
  cutaway_image_free(NULL);
  cutaway_map_free(NULL);
  cutaway_text_free(NULL);
}

int main(int argc, char** argv) {
  cutaway_model* net = NULL;
  cutaway_image *photo = NULL, *copy = NULL;
  double *p, sum = 0;
  char job[8192];
  char* report = NULL;
  int64_t k, classes;
  int i;
  if (argc < 5) return 2;
  MUST(cutaway_api_version() == CUTAWAY_API_VERSION && strlen(cutaway_version()) > 0);
  MUST(strstr(cutaway_methods(), "\"gradcam\"") != NULL);
  MUST(cutaway_model_load(argv[1], "{\"threads\": 1}", &net) == CUTAWAY_OK);
  MUST(cutaway_image_read(argv[2], &photo) == CUTAWAY_OK);
  /* The same picture from memory. */
  MUST(cutaway_image_from_rgb(cutaway_image_rgb(photo), cutaway_image_width(photo), cutaway_image_height(photo), 0, &copy) ==
       CUTAWAY_OK);
  classes = cutaway_model_classes(net);
  p = malloc((size_t)classes * sizeof *p);
  MUST(cutaway_classify(net, copy, p, (size_t)classes) == CUTAWAY_OK);
  for (k = 0; k < classes; ++k) {
    sum += p[k];
    CHECK(cutaway_model_label(net, k) != NULL);
  }
  CHECK(sum > 1 - 1e-9 && sum < 1 + 1e-9);
  for (i = 4; i < argc; ++i) compare_with_program(net, copy, argv[3], argv[i]);
  use_threads(net, photo, argv[4]);
  snprintf(job, sizeof job, "%s/copy.png", argv[3]);
  MUST(cutaway_image_write_png(photo, job) == CUTAWAY_OK);
  cutaway_image_free(copy);
  copy = NULL;
  MUST(cutaway_image_read(job, &copy) == CUTAWAY_OK);
  CHECK(memcmp(cutaway_image_rgb(copy), cutaway_image_rgb(photo),
               3 * (size_t)cutaway_image_width(photo) * (size_t)cutaway_image_height(photo)) == 0);
  check_errors(net, photo, argv[2], argv[3]);
  snprintf(job, sizeof job, "{\"inputs\": [\"%s\"], \"methods\": [\"%s\"], \"out\": \"%s/files\"}", argv[2], argv[4], argv[3]);
  CHECK(cutaway_explain_files(net, job, NULL, NULL, &report) == CUTAWAY_OK);
  CHECK(report != NULL && strstr(report, "report.html") != NULL);
  cutaway_text_free(report);
  free(p);
  cutaway_image_free(copy);
  cutaway_image_free(photo);
  cutaway_model_free(net);
  if (failures == 0) printf("%d methods: the same bytes as the program's\n", argc - 4);
  return failures == 0 ? 0 : 1;
}
