#include "capture/decompress.h"

#include <fmt/format.h>
#include <lz4frame.h>
#include <lzma.h>
#include <zlib.h>
#include <zstd.h>

#include <algorithm>
#include <array>
#include <limits>

namespace voip::capture {
namespace {

constexpr std::size_t kPackedChunk = 64U << 10;
constexpr std::uint64_t kRatioFreeBytes = 64ULL << 20;
constexpr std::uint64_t kXzMemory = 256ULL << 20;

// One step of a library: what it took, what it gave, and where that leaves the stream.
enum class State : unsigned char { kGoing, kFrameEnd, kBroken };
struct Step {
  std::size_t taken = 0;
  std::size_t given = 0;
  State state = State::kGoing;
};

class Codec {
 public:
  virtual ~Codec() = default;
  virtual bool ready() const = 0;
  // last: no packed bytes come after these.
  virtual Step step(ByteView packed, std::span<std::uint8_t> out, bool last) = 0;
  // Behind kFrameEnd, before more bytes. False: they can't begin a frame.
  virtual bool restart(ByteView packed) = 0;
  virtual std::string broken_because() const = 0;
};

class GzipCodec final : public Codec {
 public:
  GzipCodec() { ready_ = inflateInit2(&stream_, 15 + 16) == Z_OK; }
  ~GzipCodec() override {
    if (ready_) (void)inflateEnd(&stream_);
  }
  GzipCodec(const GzipCodec&) = delete;
  GzipCodec& operator=(const GzipCodec&) = delete;
  bool ready() const override { return ready_; }
  Step step(ByteView packed, std::span<std::uint8_t> out, bool /*last*/) override {
    const std::size_t in_size = std::min<std::size_t>(packed.size(), std::numeric_limits<uInt>::max());
    const std::size_t out_size = std::min<std::size_t>(out.size(), std::numeric_limits<uInt>::max());
    stream_.next_in = const_cast<Bytef*>(packed.data());  // zlib reads only
    stream_.avail_in = static_cast<uInt>(in_size);
    stream_.next_out = out.data();
    stream_.avail_out = static_cast<uInt>(out_size);
    const int status = inflate(&stream_, Z_NO_FLUSH);
    Step step{in_size - stream_.avail_in, out_size - stream_.avail_out, State::kGoing};
    if (status == Z_STREAM_END) {
      step.state = State::kFrameEnd;
    } else if (status != Z_OK && status != Z_BUF_ERROR) {
      step.state = State::kBroken;
      because_ = stream_.msg != nullptr ? stream_.msg : "no memory";
    }
    return step;
  }
  bool restart(ByteView packed) override {
    if (!packed.empty() && packed[0] != 0x1f) return false;
    if (packed.size() >= 2 && packed[1] != 0x8b) return false;
    return inflateReset(&stream_) == Z_OK;
  }
  std::string broken_because() const override { return because_; }

 private:
  z_stream stream_{};
  bool ready_ = false;
  std::string because_;
};

class ZstdCodec final : public Codec {
 public:
  ZstdCodec() : stream_(ZSTD_createDStream()) {}
  ~ZstdCodec() override { ZSTD_freeDStream(stream_); }
  ZstdCodec(const ZstdCodec&) = delete;
  ZstdCodec& operator=(const ZstdCodec&) = delete;
  bool ready() const override { return stream_ != nullptr; }
  Step step(ByteView packed, std::span<std::uint8_t> out, bool /*last*/) override {
    ZSTD_inBuffer in{packed.data(), packed.size(), 0};
    ZSTD_outBuffer unpacked{out.data(), out.size(), 0};
    const std::size_t status = ZSTD_decompressStream(stream_, &unpacked, &in);
    Step step{in.pos, unpacked.pos, State::kGoing};
    if (ZSTD_isError(status) != 0) {
      step.state = State::kBroken;
      because_ = ZSTD_getErrorName(status);
    } else if (status == 0) {
      step.state = State::kFrameEnd;
    }
    return step;
  }
  bool restart(ByteView packed) override { return packed.size() < 4 || compression_of(packed) == Compression::kZstd; }
  std::string broken_because() const override { return because_; }

 private:
  ZSTD_DStream* stream_;
  std::string because_;
};

class Lz4Codec final : public Codec {
 public:
  Lz4Codec() { ready_ = LZ4F_isError(LZ4F_createDecompressionContext(&context_, LZ4F_VERSION)) == 0; }
  ~Lz4Codec() override {
    if (ready_) (void)LZ4F_freeDecompressionContext(context_);
  }
  Lz4Codec(const Lz4Codec&) = delete;
  Lz4Codec& operator=(const Lz4Codec&) = delete;
  bool ready() const override { return ready_; }
  Step step(ByteView packed, std::span<std::uint8_t> out, bool /*last*/) override {
    std::size_t given = out.size();
    std::size_t taken = packed.size();
    const std::size_t status = LZ4F_decompress(context_, out.data(), &given, packed.data(), &taken, nullptr);
    if (LZ4F_isError(status) != 0) {
      because_ = LZ4F_getErrorName(status);
      return {0, 0, State::kBroken};
    }
    return {taken, given, status == 0 ? State::kFrameEnd : State::kGoing};
  }
  bool restart(ByteView packed) override {
    if (packed.size() < 4) return true;
    const auto magic = load_le<std::uint32_t>(packed.data());
    return magic == 0x184d2204 || (magic & 0xfffffff0) == 0x184d2a50;
  }
  std::string broken_because() const override { return because_; }

 private:
  LZ4F_dctx* context_ = nullptr;
  bool ready_ = false;
  std::string because_;
};

class XzCodec final : public Codec {
 public:
  // Streams one behind the other, and the padding between them, are the library's work.
  XzCodec() { ready_ = lzma_stream_decoder(&stream_, kXzMemory, LZMA_CONCATENATED) == LZMA_OK; }
  ~XzCodec() override { lzma_end(&stream_); }
  XzCodec(const XzCodec&) = delete;
  XzCodec& operator=(const XzCodec&) = delete;
  bool ready() const override { return ready_; }
  Step step(ByteView packed, std::span<std::uint8_t> out, bool last) override {
    stream_.next_in = packed.data();
    stream_.avail_in = packed.size();
    stream_.next_out = out.data();
    stream_.avail_out = out.size();
    const lzma_ret status = lzma_code(&stream_, last ? LZMA_FINISH : LZMA_RUN);
    Step step{packed.size() - stream_.avail_in, out.size() - stream_.avail_out, State::kGoing};
    if (status == LZMA_STREAM_END) {
      step.state = State::kFrameEnd;
    } else if (status != LZMA_OK && status != LZMA_BUF_ERROR) {
      step.state = State::kBroken;
      because_ = status == LZMA_MEMLIMIT_ERROR ? "it needs more memory than is allowed"
                 : status == LZMA_MEM_ERROR    ? "no memory"
                                               : "the packed data are corrupt";
    }
    return step;
  }
  bool restart(ByteView) override { return false; }
  std::string broken_because() const override { return because_; }

 private:
  lzma_stream stream_ = LZMA_STREAM_INIT;
  bool ready_ = false;
  std::string because_;
};

class Unpacker final : public ByteSource {
 public:
  Unpacker(Compression compression, std::unique_ptr<Codec> codec, std::unique_ptr<ByteSource> packed,
           const UnpackLimits& limits)
      : name_(capture::to_string(compression)), codec_(std::move(codec)), packed_(std::move(packed)), limits_(limits) {
    if (!codec_->ready()) fail("there is not enough memory to unpack it");
  }

  std::uint64_t stored_bytes() const override { return packed_->stored_bytes(); }
  std::string problem() const override { return problem_; }

  std::size_t read(std::span<std::uint8_t> out) override {
    if (out.empty()) return 0;
    const std::uint64_t room = limits_.max_bytes - given_;
    if (out.size() > room) out = out.first(static_cast<std::size_t>(room));
    while (!ended_) {
      if (begin_ == end_ && !packed_ended_) {
        refill(0);
      }
      if (between_frames_) {
        if (!start_frame()) break;
        continue;
      }
      if (out.empty()) {
        fail(fmt::format("it unpacks to more than {} bytes, the limit", limits_.max_bytes));
        break;
      }
      const Step step = codec_->step(pending(), out, packed_ended_);
      begin_ += step.taken;
      given_ += step.given;
      if (step.state == State::kFrameEnd) between_frames_ = true;
      if (step.state == State::kBroken) fail(fmt::format("it is damaged there ({})", codec_->broken_because()));
      if (given_ > kRatioFreeBytes && given_ / limits_.max_ratio > packed_->stored_bytes()) {
        fail(fmt::format("it unpacks to more than {} times its size, the limit", limits_.max_ratio));
      }
      if (step.given != 0) return step.given;
      if (step.state == State::kGoing && step.taken == 0 && packed_ended_ && pending().empty()) {
        const std::string why = packed_->problem();
        if (why.empty()) {
          fail("it is cut off there");
        } else {
          problem_ = why;
          ended_ = true;
        }
      } else if (step.state == State::kGoing && step.taken == 0 && !pending().empty()) {
        refill(end_ - begin_);
      }
    }
    return 0;
  }

 private:
  ByteView pending() const { return ByteView{chunk_}.subspan(begin_, end_ - begin_); }

  void refill(std::size_t keep) {
    if (keep != 0)
      std::copy(chunk_.begin() + static_cast<std::ptrdiff_t>(begin_),
                chunk_.begin() + static_cast<std::ptrdiff_t>(end_), chunk_.begin());
    begin_ = 0;
    end_ = keep;
    if (end_ == chunk_.size()) {
      fail("the unpacking library makes no progress");
      return;
    }
    const std::size_t got = packed_->read(std::span{chunk_}.subspan(end_));
    if (got == 0) packed_ended_ = true;
    end_ += got;
  }

  // Between frames. False: that was the end.
  bool start_frame() {
    while (end_ - begin_ < 4 && !packed_ended_) refill(end_ - begin_);
    if (begin_ == end_) {
      problem_ = packed_->problem();
      ended_ = true;
      return false;
    }
    if (!codec_->restart(pending())) {
      // Tapes and block devices pad with zeros.
      bool zeros = true;
      while (zeros && begin_ != end_) {
        zeros = std::all_of(pending().begin(), pending().end(), [](std::uint8_t byte) { return byte == 0; });
        begin_ = end_;
        refill(0);
      }
      if (!zeros) fail("what follows is not of its format");
      ended_ = true;
      return false;
    }
    between_frames_ = false;
    return true;
  }

  void fail(const std::string& why) {
    if (problem_.empty()) {
      problem_ = fmt::format("The {} compressed data could be unpacked up to byte {} only: {}.", name_, given_, why);
    }
    ended_ = true;
  }

  const char* name_;
  std::unique_ptr<Codec> codec_;
  std::unique_ptr<ByteSource> packed_;
  UnpackLimits limits_;
  std::vector<std::uint8_t> chunk_ = std::vector<std::uint8_t>(kPackedChunk);
  std::size_t begin_ = 0;
  std::size_t end_ = 0;
  bool packed_ended_ = false;
  bool between_frames_ = false;
  bool ended_ = false;
  std::uint64_t given_ = 0;
  std::string problem_;
};

class PutBackSource final : public ByteSource {
 public:
  PutBackSource(ByteView head, std::unique_ptr<ByteSource> rest)
      : head_(head.begin(), head.end()), rest_(std::move(rest)) {}
  std::size_t read(std::span<std::uint8_t> out) override {
    if (pos_ == head_.size()) return rest_->read(out);
    const ByteView taken = first_bytes(ByteView{head_}.subspan(pos_), out.size());
    std::copy(taken.begin(), taken.end(), out.begin());
    pos_ += taken.size();
    return taken.size();
  }
  std::uint64_t stored_bytes() const override { return rest_->stored_bytes(); }
  std::string problem() const override { return rest_->problem(); }

 private:
  std::vector<std::uint8_t> head_;
  std::size_t pos_ = 0;
  std::unique_ptr<ByteSource> rest_;
};

}  // namespace

const char* to_string(Compression compression) {
  switch (compression) {
    case Compression::kGzip: return "gzip";
    case Compression::kZstd: return "zstd";
    case Compression::kXz: return "xz";
    case Compression::kLz4: return "lz4";
  }
  return "";
}

std::optional<Compression> compression_of(ByteView head) {
  const std::string_view text = as_text(head);
  if (text.starts_with("\x1f\x8b\x08")) return Compression::kGzip;
  if (text.starts_with("\x28\xb5\x2f\xfd")) return Compression::kZstd;
  if (text.starts_with(std::string_view{"\xfd\x37\x7a\x58\x5a\x00", 6})) return Compression::kXz;
  if (text.starts_with("\x04\x22\x4d\x18")) return Compression::kLz4;
  // lz4 knows skippable frames as well, but only zstd's tools write them in front.
  if (head.size() >= 4 && (load_le<std::uint32_t>(head.data()) & 0xfffffff0) == 0x184d2a50) return Compression::kZstd;
  return std::nullopt;
}

std::unique_ptr<ByteSource> make_unpacker(Compression compression, std::unique_ptr<ByteSource> packed,
                                          const UnpackLimits& limits) {
  std::unique_ptr<Codec> codec;
  switch (compression) {
    case Compression::kGzip: codec = std::make_unique<GzipCodec>(); break;
    case Compression::kZstd: codec = std::make_unique<ZstdCodec>(); break;
    case Compression::kXz: codec = std::make_unique<XzCodec>(); break;
    case Compression::kLz4: codec = std::make_unique<Lz4Codec>(); break;
  }
  return std::make_unique<Unpacker>(compression, std::move(codec), std::move(packed), limits);
}

std::unique_ptr<ByteSource> put_back(ByteView head, std::unique_ptr<ByteSource> rest) {
  return std::make_unique<PutBackSource>(head, std::move(rest));
}

}  // namespace voip::capture
