// Loads plans and runs them. A plan is an array of f64 words:
//   version, arena bytes, slot count, then per slot its kind (0 arena, 1 leaf, 2 constant), leaf and byte offset,
//   call count, then per call its kernel, the counts of slots, ints and floats, and these.
#include "operations.h"
#include "pages.h"
#include "sets.h"
#include "tuneloop.h"
#include <chrono>
#include <cstring>
#include <memory>
#include <stdexcept>

using namespace tl;

namespace {

struct Slot {
  int kind;
  int64_t leaf, offset;
};

struct Step {
  int kernel;
  Kernel run;
  size_t slots, ints, floats, intCount, slotCount;
  uint32_t narrow;
};

void report(char *error, int64_t size, const std::string &text) {
  if (error && size > 0) std::snprintf(error, static_cast<size_t>(size), "%s", text.c_str());
}

// Reads a plan word by word; throws where it ends too early or holds no whole number.
class Reader {
public:
  Reader(const double *words, int64_t count) : words_(words), count_(count) {}
  double real() {
    if (at_ >= count_) throw std::runtime_error("Expected a whole plan but found its end");
    return words_[at_++];
  }
  int64_t whole(int64_t least, int64_t most) {
    double word = real();
    if (!(word >= static_cast<double>(least) && word <= static_cast<double>(most)) ||
        word != static_cast<double>(static_cast<int64_t>(word)))
      throw std::runtime_error("Expected a whole number within bounds in a plan but found " + std::to_string(word));
    return static_cast<int64_t>(word);
  }
  bool done() const { return at_ == count_; }

private:
  const double *words_;
  int64_t count_, at_ = 0;
};

constexpr int64_t kLarge = int64_t(1) << 52;

} // namespace

struct tl_engine {
  tl_engine(const KernelSet *set, int threads)
      : set(set), context(threads, set->enterThread), times(static_cast<size_t>(kernelCount())) {}
  const KernelSet *set;
  Context context;
  Memory arena;
  std::vector<double> times;
  std::mutex mutex;
};

struct tl_program {
  tl_engine *engine;
  std::vector<Slot> slots;
  std::vector<Step> steps;
  std::vector<int> slotNumbers;
  std::vector<int64_t> ints;
  std::vector<double> floats;
  std::vector<uint8_t> constants;
  int64_t arenaBytes, leaves = 0;
};

static std::unique_ptr<tl_program> read(tl_engine *engine, Reader words, int64_t constantBytes) {
  auto program = std::make_unique<tl_program>();
  program->engine = engine;
  if (words.whole(0, kLarge) != TL_VERSION) throw std::runtime_error("Expected a plan of this library's version");
  program->arenaBytes = words.whole(0, kLarge);
  int64_t slots = words.whole(0, 1 << 24);
  for (int64_t i = 0; i < slots; i++) {
    Slot slot{static_cast<int>(words.whole(0, 2)), words.whole(0, 1 << 24), words.whole(0, kLarge)};
    int64_t limit = slot.kind == 0 ? program->arenaBytes : slot.kind == 2 ? constantBytes : kLarge;
    if (slot.offset > limit) throw std::runtime_error("Expected a slot within its memory");
    if (slot.kind == 1) program->leaves = std::max(program->leaves, slot.leaf + 1);
    program->slots.push_back(slot);
  }
  int64_t steps = words.whole(0, 1 << 24);
  for (int64_t i = 0; i < steps; i++) {
    Step step{static_cast<int>(words.whole(0, kernelCount() - 1)), nullptr, program->slotNumbers.size(),
              program->ints.size(), program->floats.size(), 0, 0, 0};
    int64_t slotCount = words.whole(0, 1 << 16), intCount = words.whole(0, 1 << 20),
            floatCount = words.whole(0, 1 << 20);
    step.intCount = static_cast<size_t>(intCount);
    step.slotCount = static_cast<size_t>(slotCount);
    const KernelEntry &entry = kernelOf(*engine->set, step.kernel);
    step.run = entry.run;
    step.narrow = entry.narrow;
    if (entry.slots >= 0 && entry.slots != slotCount)
      throw std::runtime_error("Expected " + std::to_string(entry.slots) + " slots for kernel " + entry.name +
                               " but found " + std::to_string(slotCount));
    for (int64_t j = 0; j < slotCount; j++)
      program->slotNumbers.push_back(static_cast<int>(words.whole(-1, slots - 1)));
    for (int64_t j = 0; j < intCount; j++) program->ints.push_back(words.whole(-kLarge, kLarge));
    for (int64_t j = 0; j < floatCount; j++) program->floats.push_back(words.real());
    program->steps.push_back(step);
  }
  if (!words.done()) throw std::runtime_error("Expected a plan to end after its last call");
  return program;
}

static std::string setNames(bool bf16) {
  std::string list;
  int count;
  const KernelSet *const *sets = allSets(&count);
  for (int i = 0; i < count; i++)
    if ((sets[i]->rest != nullptr) == bf16 && sets[i]->present()) list += (list.empty() ? "" : ",") + std::string(sets[i]->name);
  return list;
}

static Form formOf(uint8_t number) {
  if (number > static_cast<uint8_t>(Form::bf16)) throw std::runtime_error("Expected f32 or bf16 in a leaf");
  return static_cast<Form>(number);
}

static void run(tl_program &program, const uint64_t *leaves, const uint8_t *leafForms) {
  tl_engine &engine = *program.engine;
  uint8_t *arena = engine.arena.atLeast(static_cast<size_t>(program.arenaBytes));
  std::vector<void *> addresses;
  std::vector<Form> forms;
  addresses.reserve(program.slots.size());
  forms.reserve(program.slots.size());
  for (const Slot &slot : program.slots) {
    uint8_t *base = slot.kind == 0   ? arena
                    : slot.kind == 1 ? reinterpret_cast<uint8_t *>(static_cast<uintptr_t>(leaves[slot.leaf]))
                                     : program.constants.data();
    forms.push_back(slot.kind == 1 ? formOf(leafForms[slot.leaf]) : Form::f32);
    addresses.push_back(base + (forms.back() == Form::bf16 ? slot.offset / 2 : slot.offset));
  }
  std::vector<void *> given;
  std::vector<Form> givenForms;
  given.reserve(program.slotNumbers.size());
  givenForms.reserve(program.slotNumbers.size());
  for (int number : program.slotNumbers) {
    given.push_back(number < 0 ? nullptr : addresses[static_cast<size_t>(number)]);
    givenForms.push_back(number < 0 ? Form::f32 : forms[static_cast<size_t>(number)]);
  }
  auto before = std::chrono::steady_clock::now();
  int64_t call = 0;
  for (const Step &step : program.steps) {
    for (size_t i = 0; i < step.slotCount; i++)
      if (givenForms[step.slots + i] != Form::f32 && !(i < 32 && (step.narrow >> i & 1)))
        throw std::runtime_error("call " + std::to_string(call) + ": expected f32 in slot " + std::to_string(i));
    Args args{given.data() + step.slots, givenForms.data() + step.slots, program.ints.data() + step.ints, program.floats.data() + step.floats,
              static_cast<int64_t>(step.intCount)};
    step.run(engine.context, args);
    auto after = std::chrono::steady_clock::now();
    engine.times[static_cast<size_t>(step.kernel)] += std::chrono::duration<double, std::nano>(after - before).count();
    before = after;
    if (engine.context.failed())
      throw std::runtime_error("call " + std::to_string(call) + ": " + engine.context.takeError());
    call++;
  }
}

extern "C" {

int32_t tl_version(void) { return TL_VERSION; }

const char *tl_instruction_sets(int32_t bf16) {
  static const std::string names[2] = {setNames(false), setNames(true)};
  return names[bf16 != 0].c_str();
}

const char *tl_instruction_sets_left_out(void) { return setsLeftOut(); }

int32_t tl_multiplies_bf16(void) {
  int count;
  const KernelSet *const *sets = allSets(&count);
  for (int i = 0; i < count; i++)
    if (sets[i]->rest && sets[i]->present()) return sets[i]->native;
  return 0;
}

const char *tl_kernels(void) {
  static const std::string names = [] {
    std::string list;
    int count;
    const KernelSet *set = allSets(&count)[0];
    for (int i = 0; i < set->count; i++) list += (i ? "," : "") + std::string(set->entries[i].name);
    return list;
  }();
  return names.c_str();
}

const char *tl_operations(void) {
  static const std::string names = [] {
    std::string list;
#define X(name, operands) list += (list.empty() ? "" : ",") + std::string(#name);
    TL_OPERATIONS(X)
#undef X
    return list;
  }();
  return names.c_str();
}

tl_engine *tl_engine_open(const char *instruction_set, int32_t threads, char *error, int64_t size) {
  const KernelSet *set = findSet(instruction_set);
  if (!set) {
    report(error, size,
           "Expected an instruction set among " + setNames(false) + "," + setNames(true) + " but found " + instruction_set);
    return nullptr;
  }
  if (threads < 1 || threads > 1024) {
    report(error, size, "Expected 1 to 1024 threads but found " + std::to_string(threads));
    return nullptr;
  }
  try {
    return new tl_engine(set, threads);
  } catch (const std::exception &cause) {
    report(error, size, std::string("Expected ") + std::to_string(threads) + " threads: " + cause.what());
    return nullptr;
  }
}

void tl_engine_close(tl_engine *engine) { delete engine; }

tl_program *tl_program_load(tl_engine *engine, const double *words, int64_t word_count, const uint8_t *constants,
                            int64_t constant_bytes, char *error, int64_t size) {
  try {
    auto program = read(engine, Reader(words, word_count), constant_bytes);
    program->constants.assign(constants, constants + constant_bytes);
    return program.release();
  } catch (const std::exception &cause) {
    report(error, size, cause.what());
    return nullptr;
  }
}

void tl_program_release(tl_program *program) { delete program; }

void tl_use_large_pages(const uint64_t *addresses, const uint64_t *bytes, int64_t count) {
  try {
    std::vector<Range> ranges;
    for (int64_t i = 0; i < count; i++) {
      const auto start = static_cast<uintptr_t>(addresses[i]);
      ranges.push_back({start, start + static_cast<uintptr_t>(bytes[i])});
    }
    useLargePages(ranges.data(), count);
  } catch (const std::bad_alloc &) {
    // Then small ones do.
  }
}

int32_t tl_program_run(tl_program *program, const uint64_t *leaves, const uint8_t *forms, int64_t leaf_count, char *error,
                       int64_t size) {
  std::lock_guard<std::mutex> lock(program->engine->mutex);
  try {
    if (leaf_count < program->leaves) throw std::runtime_error("Expected an address for every leaf");
    if (program->engine->set->enterThread) program->engine->set->enterThread();
    run(*program, leaves, forms);
    return 0;
  } catch (const std::bad_alloc &) {
    report(error, size,
           "Out of memory: the program needs " + std::to_string(program->arenaBytes) + " bytes for its values");
  } catch (const std::exception &cause) {
    report(error, size, cause.what());
  }
  return 1;
}

void tl_engine_memory(tl_engine *engine, double *out) {
  std::lock_guard<std::mutex> lock(engine->mutex);
  out[0] = static_cast<double>(engine->arena.bytes());
  out[1] = static_cast<double>(engine->context.scratchBytes());
}

void tl_engine_times(tl_engine *engine, double *out, int64_t count) {
  std::lock_guard<std::mutex> lock(engine->mutex);
  for (int64_t i = 0; i < count && i < kernelCount(); i++) {
    out[i] = engine->times[static_cast<size_t>(i)];
    engine->times[static_cast<size_t>(i)] = 0;
  }
}
}
