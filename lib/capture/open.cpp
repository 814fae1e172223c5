#include "capture/open.h"

#include <fmt/format.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include <algorithm>
#include <filesystem>
#include <limits>
#include <set>
#include <system_error>
#include <utility>

#include "capture/byte_source.h"
#include "capture/filter.h"
#include "capture/homer_db.h"
#include "capture/homer_export.h"
#include "capture/input.h"

namespace voip::capture {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kProbeChunk = 16U << 10;
constexpr int kMostDirectoryDepth = 64;
constexpr std::size_t kMostNotes = 20;
constexpr unsigned kMostReadingThreads = 4;
constexpr std::int64_t kFirst = std::numeric_limits<std::int64_t>::min();

// Few enough to leave descriptors for whatever else the program opens.
std::size_t most_open_files() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return 8;
  return static_cast<std::size_t>(std::clamp<rlim_t>(limit.rlim_cur / 4, 4, 128));
}

// Which packets are wanted.
class Selection {
 public:
  Selection(const OpenOptions& options, std::vector<InputInfo>& infos)
      : infos_(infos), from_(options.from), to_(options.to) {
    if (!options.filter.empty()) filter_ = std::make_unique<Filter>(options.filter);
    all_ = !filter_ && !from_.known() && !to_.known();
  }

  bool all() const { return all_; }
  Filter* filter() { return filter_.get(); }

  bool keeps(const Packet& packet) {
    const Timestamp time = packet.frame.time;
    if (time.known() && ((from_.known() && time < from_) || (to_.known() && time >= to_))) return false;
    return !filter_ || matches(packet);
  }

 private:
  bool matches(const Packet& packet) {
    if (packet.link == LinkType::kHepFrame) {
      if (packet.frame.number == 1) {
        ProblemLog{infos_[packet.frame.input]}.note(
            "The filter is for packets and has no effect on these HEP messages.");
      }
      return true;
    }
    if (filter_->matches(packet)) return true;
    const std::pair<std::uint32_t, LinkType> kind{packet.frame.input, packet.link};
    if (kind != told_ && !filter_->error(packet.link).empty()) {
      told_ = kind;
      ProblemLog{infos_[packet.frame.input]}.note(
          fmt::format("Packets of link type {} were left out, because the filter does not compile for it: {}.",
                      static_cast<std::uint32_t>(packet.link), filter_->error(packet.link)));
    }
    return false;
  }

  std::vector<InputInfo>& infos_;
  Timestamp from_;
  Timestamp to_;
  std::unique_ptr<Filter> filter_;
  bool all_ = true;
  std::pair<std::uint32_t, LinkType> told_{std::numeric_limits<std::uint32_t>::max(), LinkType::kEthernet};
};

// One input in the order of the report: what is known of it, and how to read it.
struct Stream {
  std::string path;
  bool reopen = false;  // a file that was only looked at, to be opened when its turn comes
  std::uint64_t size = 0;
  std::unique_ptr<Input> input;  // null: not open
  Packet head;                   // read, not yet handed out
  bool has_head = false;
  std::int64_t key = kFirst;                  // of the next packet; one without time has its predecessor's
  LinkType first_link = LinkType::kHepFrame;  // of the first packet; kHepFrame: none
};

class MergedSource final : public PacketSource {
 public:
  explicit MergedSource(const OpenOptions& options)
      : unpack_{options.max_unpacked_bytes, options.max_ratio},
        from_(options.from),
        to_(options.to),
        threads_(options.threads),
        selection_(options, infos_) {}

  bool next(Packet& packet) override {
    if (selection_.all()) return next_of_all(packet);
    while (next_of_all(packet)) {
      if (selection_.keeps(packet)) return true;
    }
    return false;
  }
  const std::vector<InputInfo>& inputs() const override { return infos_; }
  const std::vector<Secrets>& secrets() const override { return secrets_; }
  const std::vector<std::string>& notes() const override { return notes_; }
  unsigned reading_threads() const override { return reading_threads_; }
  double progress() const override;

  void add_paths(const std::vector<std::string>& paths);
  void add_memory(ByteView bytes);
  // Checks the filter and brings the inputs into order. After the last add.
  Status start(const std::string& filter_text);

 private:
  void add_path(const std::string& path);
  void add_directory(const std::string& path);
  void add_database(const std::string& url);
  void list_directory(const fs::path& directory, int depth, std::set<std::pair<std::uint64_t, std::uint64_t>>& seen,
                      std::vector<std::string>& files, std::string& trouble);
  void unusable(const std::string& path, std::string sentence);
  void note(const std::string& path, const std::string& sentence);
  bool probe(std::uint32_t index);
  void open_now(std::uint32_t index);
  void open_databases();
  bool read_head(std::uint32_t index);
  ReaderContext context_of(std::uint32_t index) { return {infos_[index], secrets_, index}; }

  bool next_of_all(Packet& packet);
  bool later(std::uint32_t a, std::uint32_t b) const {
    return std::pair{streams_[a].key, a} > std::pair{streams_[b].key, b};
  }
  void push(std::uint32_t index);
  std::uint32_t pop();

  UnpackLimits unpack_;
  Timestamp from_;
  Timestamp to_;
  std::vector<std::shared_ptr<HomerDb>> databases_;
  std::vector<InputInfo> infos_;
  std::vector<Secrets> secrets_;
  std::vector<std::string> notes_;
  std::size_t further_notes_ = 0;
  std::vector<Stream> streams_;  // as many as infos_
  std::shared_ptr<DescriptorPool> pool_ = std::make_shared<DescriptorPool>(most_open_files());
  bool standard_input_used_ = false;
  unsigned threads_ = 1;
  unsigned reading_threads_ = 0;
  std::shared_ptr<SpareThreads> spare_ = std::make_shared<SpareThreads>();

  std::vector<std::uint32_t> heap_;  // streams that have packets, but for the current one
  static constexpr std::uint32_t kNone = std::numeric_limits<std::uint32_t>::max();
  std::uint32_t current_ = kNone;  // the next packet is this one's, unless it is later than the heap's first
  std::size_t open_streams_ = 0;
  Selection selection_;
};

void MergedSource::note(const std::string& path, const std::string& sentence) {
  if (notes_.size() < kMostNotes) {
    notes_.push_back(fmt::format("{} was left out. {}", path, sentence));
    return;
  }
  if (further_notes_ != 0) notes_.pop_back();
  notes_.push_back(fmt::format("{} further files that are no captures were left out.", ++further_notes_));
}

void MergedSource::unusable(const std::string& path, std::string sentence) {
  InputInfo info;
  info.path = path;
  info.usable = info.complete = false;
  info.problems.push_back(std::move(sentence));
  infos_.push_back(std::move(info));
  streams_.emplace_back();
  streams_.back().path = path;
}

void MergedSource::add_paths(const std::vector<std::string>& paths) {
  for (const std::string& path : paths) add_path(path);
}

void MergedSource::add_path(const std::string& path) {
  if (HomerDb::is_url(path)) {
    add_database(path);
    return;
  }
  std::error_code error;
  if (path != "-" && fs::is_directory(path, error)) {
    add_directory(path);
    return;
  }
  if (path == "-" && std::exchange(standard_input_used_, true)) {
    unusable(path, "Standard input was given twice; it can be read once only.");
    return;
  }
  Stream stream;
  stream.path = path;
  streams_.push_back(std::move(stream));
  infos_.emplace_back();
  infos_.back().path = path;
}

// All regular files below, by name; links to directories are followed once.
void MergedSource::list_directory(const fs::path& directory, int depth,
                                  std::set<std::pair<std::uint64_t, std::uint64_t>>& seen,
                                  std::vector<std::string>& files, std::string& trouble) {
  struct stat st {};
  if (::stat(directory.c_str(), &st) != 0 || !seen.emplace(st.st_dev, st.st_ino).second) return;
  if (depth > kMostDirectoryDepth) {
    trouble = fmt::format("Directories more than {} levels deep were left out.", kMostDirectoryDepth);
    return;
  }
  std::error_code error;
  std::vector<fs::path> entries;
  for (fs::directory_iterator it{directory, error}; !error && it != fs::directory_iterator{}; it.increment(error)) {
    entries.push_back(it->path());
  }
  if (error) trouble = fmt::format("The directory {} can't be read: {}.", directory.string(), error.message());
  std::sort(entries.begin(), entries.end());
  for (const fs::path& entry : entries) {
    std::error_code ignored;
    const fs::file_status status = fs::status(entry, ignored);
    if (fs::is_directory(status)) {
      list_directory(entry, depth + 1, seen, files, trouble);
    } else if (fs::is_regular_file(status) || status.type() == fs::file_type::none) {
      files.push_back(entry.string());  // of the second kind: opening it will tell why it can't be looked at
    }
  }
}

void MergedSource::add_directory(const std::string& path) {
  std::set<std::pair<std::uint64_t, std::uint64_t>> seen;
  std::vector<std::string> files;
  std::string trouble;
  list_directory(path, 0, seen, files, trouble);
  if (!trouble.empty()) unusable(path, trouble);
  std::size_t found = 0;
  for (const std::string& file : files) {
    Stream stream;
    stream.path = file;
    streams_.push_back(std::move(stream));
    infos_.emplace_back();
    infos_.back().path = file;
    if (probe(static_cast<std::uint32_t>(streams_.size() - 1))) {
      ++found;
    } else {
      note(file, infos_.back().problems.empty() ? "" : infos_.back().problems.front());
      streams_.pop_back();
      infos_.pop_back();
    }
  }
  if (found == 0 && trouble.empty()) {
    unusable(path, files.empty()
                       ? std::string("There are no files in this directory.")
                       : fmt::format("There is no capture among the {} files below this directory.", files.size()));
  }
}

// Each table is an input of its own: row numbers are unique within a table only.
void MergedSource::add_database(const std::string& url) {
  const std::string shown = HomerDb::masked(url);
  auto database = HomerDb::open(url, from_, to_);
  if (!database) {
    unusable(shown, database.error().message);
    return;
  }
  databases_.push_back(*database);
  for (const std::string& sentence : (*database)->notes()) notes_.push_back(sentence);
  for (const std::string& table : (*database)->tables()) {
    InputInfo info;
    info.path = fmt::format("{}#{}", shown, table);
    info.format = "homer-db";
    infos_.push_back(std::move(info));
    streams_.emplace_back();
    streams_.back().path = shown;
  }
}

void MergedSource::add_memory(ByteView bytes) {
  streams_.emplace_back();
  infos_.emplace_back();
  infos_.back().path = "(memory)";
  OpenedInput opened = Input::open(std::make_unique<MemorySource>(bytes), context_of(0), unpack_);
  streams_.back().input = std::move(opened.input);
  streams_.back().size = bytes.size();
}

// Looks at a stream's format and first packet. A file is closed again; its turn may come much later.
// False: a file that is no capture.
bool MergedSource::probe(std::uint32_t index) {
  Stream& stream = streams_[index];
  auto file = FileSource::open(stream.path, pool_);
  if (!file) {
    infos_[index].usable = infos_[index].complete = false;
    infos_[index].problems.push_back(file.error().message);
    return true;
  }
  const FileFacts facts = (*file)->facts();
  stream.size = facts.size;
  std::vector<Secrets> unused;
  const ReaderContext context{infos_[index], facts.regular ? unused : secrets_, index};
  OpenedInput opened =
      Input::open(std::move(*file), context, unpack_, facts.regular ? kProbeChunk : InputBuffer::kDefaultChunk);
  if (!opened.input) return !opened.foreign;
  stream.has_head = opened.input->next(stream.head);
  if (stream.has_head) {
    stream.first_link = stream.head.link;
    if (stream.head.frame.time.known()) stream.key = stream.head.frame.time.ns;
  }
  if (facts.regular) {
    stream.has_head = false;
    stream.reopen = true;
  } else {
    stream.input = std::move(opened.input);
  }
  return true;
}

void MergedSource::open_now(std::uint32_t index) {
  Stream& stream = streams_[index];
  InputInfo& info = infos_[index];
  const std::string path = std::move(info.path);
  // A file that a thread reads stays open: the pool is this thread's.
  const bool alone = streams_.size() == 1;
  const bool pooled = !alone && (info.compression.empty() || spare_->left == 0);
  info = {};
  info.path = path;
  auto file = FileSource::open(stream.path, pooled ? pool_ : nullptr);
  if (!file) {
    info.usable = info.complete = false;
    info.problems.push_back(file.error().message);
    return;
  }
  stream.size = (*file)->facts().size;
  const std::size_t chunk = open_streams_ < 16    ? InputBuffer::kDefaultChunk
                            : open_streams_ < 128 ? InputBuffer::kDefaultChunk / 4
                                                  : InputBuffer::kDefaultChunk / 16;
  // Reading a pipe may wait for long.
  std::shared_ptr<SpareThreads> ahead;
  if (stream.size != 0) ahead = pooled ? std::make_shared<SpareThreads>() : spare_;
  stream.input = Input::open(std::move(*file), context_of(index), unpack_, chunk, ahead).input;
}

// The next packet of a stream to its head, and its place in time to its key.
bool MergedSource::read_head(std::uint32_t index) {
  Stream& stream = streams_[index];
  if (stream.reopen) {
    stream.reopen = false;
    open_now(index);
    if (stream.input) ++open_streams_;
  }
  if (!stream.input) return false;
  if (!stream.input->next(stream.head)) {
    stream.input.reset();
    --open_streams_;
    return false;
  }
  stream.has_head = true;
  if (stream.head.frame.time.known()) stream.key = stream.head.frame.time.ns;
  if (stream.head.frame.number == 1 && stream.head.link == LinkType::kEthernet && homer_made(stream.head.bytes)) {
    ProblemLog{infos_[index]}.note(
        "This is an export of Homer, not a capture of the wire: it proves nothing about transport, fragments, MAC "
        "addresses or hop counts.");
  }
  return true;
}

// The places of infos_ are settled only now.
void MergedSource::open_databases() {
  for (std::uint32_t i = 0, database = 0, table = 0; i < streams_.size() && database < databases_.size(); ++i) {
    if (infos_[i].format != "homer-db") continue;
    streams_[i].input = Input::of(databases_[database]->read(table, context_of(i)), context_of(i));
    if (++table < databases_[database]->tables().size()) continue;
    ++database;
    table = 0;
  }
}

Status MergedSource::start(const std::string& filter_text) {
  open_databases();
  if (const std::string name = host_name_in(filter_text); !name.empty()) {
    return Error{fmt::format(
        "The filter can't be used: \"{}\" is no word of its language, and a host's name would have to be looked up in "
        "the network: give its address, or the number of a port.",
        name)};
  }
  const bool alone = streams_.size() == 1;
  const unsigned most_reading = threads_ > 1 ? std::clamp((threads_ - 1) / 2, 1U, kMostReadingThreads) : 0;
  spare_->left = alone ? std::min(most_reading, 1U) : 0;
  reading_threads_ = spare_->left;
  if (alone && !streams_[0].input && !streams_[0].reopen && infos_[0].usable) open_now(0);
  for (std::uint32_t i = 0; i < streams_.size(); ++i) {
    Stream& stream = streams_[i];
    if (!infos_[i].usable) continue;
    if (!alone && !stream.reopen && !stream.input) (void)probe(i);
    if (stream.input) ++open_streams_;
  }
  if (alone) {
    reading_threads_ -= spare_->left;
  } else {
    const auto packed = std::ranges::count_if(infos_, [](const InputInfo& info) { return !info.compression.empty(); });
    spare_->left = reading_threads_ = std::min(most_reading, static_cast<unsigned>(packed));
  }
  if (alone && selection_.filter() != nullptr && infos_[0].usable && streams_[0].input && read_head(0)) {
    streams_[0].first_link = streams_[0].head.link;
  }
  if (Filter* filter = selection_.filter(); filter != nullptr) {
    bool any_link = false;
    bool compiles = false;
    LinkType link = LinkType::kEthernet;
    for (const Stream& stream : streams_) {
      if (stream.first_link == LinkType::kHepFrame) continue;
      link = stream.first_link;
      any_link = true;
      compiles = compiles || filter->error(link).empty();
    }
    if (!any_link) compiles = filter->error(link).empty();
    if (!compiles) return Error{fmt::format("The filter can't be used: {}.", filter->error(link))};
  }
  for (std::uint32_t i = 0; i < streams_.size(); ++i) {
    if (infos_[i].usable && (streams_[i].reopen || streams_[i].input)) push(i);
  }
  return Done{};
}

void MergedSource::push(std::uint32_t index) {
  heap_.push_back(index);
  std::push_heap(heap_.begin(), heap_.end(), [this](std::uint32_t a, std::uint32_t b) { return later(a, b); });
}

std::uint32_t MergedSource::pop() {
  std::pop_heap(heap_.begin(), heap_.end(), [this](std::uint32_t a, std::uint32_t b) { return later(a, b); });
  const std::uint32_t index = heap_.back();
  heap_.pop_back();
  return index;
}

bool MergedSource::next_of_all(Packet& packet) {
  if (heap_.empty() && current_ != kNone) [[likely]] {
    // One input is left, or there was one only.
    if (streams_[current_].input->next(packet)) [[likely]]
      return true;
    streams_[current_].input.reset();
    current_ = kNone;
    return false;
  }
  for (;;) {
    if (current_ == kNone) {
      if (heap_.empty()) return false;
      current_ = pop();
    }
    Stream& stream = streams_[current_];
    if (!stream.has_head && !read_head(current_)) {
      current_ = kNone;
      continue;
    }
    if (!heap_.empty() && later(current_, heap_.front())) {
      const std::uint32_t other = pop();
      push(current_);
      current_ = other;
      continue;
    }
    packet = stream.head;
    stream.has_head = false;
    return true;
  }
}

double MergedSource::progress() const {
  std::uint64_t size = 0;
  std::uint64_t done = 0;
  for (std::size_t i = 0; i < streams_.size(); ++i) {
    if (streams_[i].size == 0) continue;
    size += streams_[i].size;
    if (!streams_[i].reopen) done += std::min(infos_[i].bytes, streams_[i].size);
  }
  return size == 0 ? 0 : static_cast<double>(done) / static_cast<double>(size);
}

}  // namespace

Result<std::unique_ptr<PacketSource>> open_inputs(const std::vector<std::string>& paths, const OpenOptions& options) {
  auto source = std::make_unique<MergedSource>(options);
  source->add_paths(paths);
  if (const Status started = source->start(options.filter); !started) return started.error();
  return std::unique_ptr<PacketSource>{std::move(source)};
}

Result<std::unique_ptr<PacketSource>> open_memory(ByteView bytes, const OpenOptions& options) {
  auto source = std::make_unique<MergedSource>(options);
  source->add_memory(bytes);
  if (const Status started = source->start(options.filter); !started) return started.error();
  return std::unique_ptr<PacketSource>{std::move(source)};
}

}  // namespace voip::capture
