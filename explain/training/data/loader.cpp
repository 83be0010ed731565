#include "explain/training/data/loader.h"

#include <algorithm>
#include <condition_variable>
#include <exception>
#include <mutex>
#include <thread>

#include "runtime/error.h"

namespace cutaway::training {

struct BatchLoader::State {
  struct Slot {
    BatchLoader::Batch batch;
    std::int64_t left{0};  // pictures that are not done
    std::exception_ptr failure;
  };

  Options options;
  PicturesOf pictures;
  Fill fill;
  std::mutex mutex;
  std::condition_variable room, done;
  std::vector<Slot> slots;
  std::int64_t taken;   // the batch in use, or the one before the first
  std::int64_t batch;   // whose pictures are handed out
  std::size_t item{0};  // the next one of it
  bool opened{false}, stop{false};
  std::vector<std::thread> threads;

  State(const Options& o, PicturesOf p, Fill f)
      : options(o),
        pictures(std::move(p)),
        fill(std::move(f)),
        slots(static_cast<std::size_t>(std::max(2, o.ahead))),
        taken(o.first - 1),
        batch(o.first) {}

  Slot& slot_of(std::int64_t number) {
    return slots[static_cast<std::size_t>(number) % slots.size()];
  }
  [[nodiscard]] bool may_begin() const {
    return batch < options.end &&
           batch < std::max(taken, options.first) + static_cast<std::int64_t>(slots.size());
  }

  /// Makes the batch ready for its pictures; the lock is held.
  void open_batch() {
    Slot& slot = slot_of(batch);
    if (slot.batch.images.shape() != options.shape) slot.batch.images = zeros(options.shape);
    slot.failure = nullptr;
    try {
      slot.batch.pictures = pictures(batch);
    } catch (...) {
      slot.failure = std::current_exception();
      slot.batch.pictures.clear();
    }
    slot.left = static_cast<std::int64_t>(slot.batch.pictures.size());
    item = 0;
    opened = true;
    if (slot.left == 0) close_batch();
  }
  void close_batch() {
    ++batch;
    opened = false;
    done.notify_all();
  }

  void work() {
    std::unique_lock lock(mutex);
    for (;;) {
      room.wait(lock, [&] { return stop || opened || may_begin() || batch >= options.end; });
      if (stop || (!opened && batch >= options.end)) return;
      if (!opened) {
        open_batch();
        continue;
      }
      const std::int64_t number = batch;
      Slot& slot = slot_of(number);
      const std::size_t n = item++;
      if (item == slot.batch.pictures.size()) {
        ++batch;
        opened = false;
        room.notify_all();
      }
      const std::int64_t picture = slot.batch.pictures[n];
      const View<float> to = slot.batch.images.ref().out();
      lock.unlock();
      std::exception_ptr failure;
      try {
        fill(number, picture, to, static_cast<std::int64_t>(n));
      } catch (...) {
        failure = std::current_exception();
      }
      lock.lock();
      if (failure && !slot.failure) slot.failure = failure;
      if (--slot.left == 0) done.notify_all();
    }
  }
};

BatchLoader::BatchLoader(const Options& options, PicturesOf pictures, Fill fill)
    : state_(std::make_unique<State>(options, std::move(pictures), std::move(fill))) {
  for (int i = 0; i < std::max(1, options.workers); ++i)
    state_->threads.emplace_back([s = state_.get()] { s->work(); });
}

BatchLoader::~BatchLoader() {
  {
    const std::scoped_lock lock(state_->mutex);
    state_->stop = true;
  }
  state_->room.notify_all();
  for (std::thread& thread : state_->threads) thread.join();
}

const BatchLoader::Batch& BatchLoader::next() {
  State& s = *state_;
  std::unique_lock lock(s.mutex);
  ++s.taken;
  check(s.taken < s.options.end, "no batch is left");
  s.room.notify_all();
  State::Slot& slot = s.slot_of(s.taken);
  s.done.wait(lock, [&] {
    const bool handed_out = s.batch > s.taken;
    return handed_out && slot.left == 0;
  });
  if (slot.failure) std::rethrow_exception(slot.failure);
  return slot.batch;
}

}  // namespace cutaway::training
