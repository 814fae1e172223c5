#include "capture/input.h"

#include <fmt/format.h>

#include <utility>

#include "capture/format.h"
#include "capture/hep_reader.h"
#include "capture/homer_export.h"
#include "capture/pcap_reader.h"
#include "capture/pcapng_reader.h"

namespace voip::capture {
namespace {

void unusable(InputInfo& info, std::string sentence) {
  info.usable = false;
  info.complete = false;
  info.problems.push_back(std::move(sentence));
}

// Asks for more until `head` holds kFormatBytes or the source ends.
std::vector<std::uint8_t> read_head(ByteSource& source) {
  std::vector<std::uint8_t> head(kFormatBytes);
  std::size_t have = 0;
  while (have < head.size()) {
    const std::size_t got = source.read(std::span{head}.subspan(have));
    if (got == 0) break;
    have += got;
    // A live pipe may stop behind the file header: what tells the format is enough.
    const ByteView seen = first_bytes(head, have);
    if (format_of(seen) || compression_of(seen)) break;
  }
  head.resize(have);
  return head;
}

std::unique_ptr<RecordReader> make_reader(Format format, InputBuffer& in, const ReaderContext& context) {
  switch (format) {
    case Format::kPcap: return std::make_unique<PcapReader>(in, context);
    case Format::kPcapng: return std::make_unique<PcapngReader>(in, context);
    case Format::kHepStream: return std::make_unique<HepReader>(in, context, HepReader::Framing::kStream);
    case Format::kHepDump: return std::make_unique<HepReader>(in, context, HepReader::Framing::kDump);
    case Format::kHomerJson: return std::make_unique<HomerExportReader>(in, context, HomerExportReader::Kind::kJson);
    case Format::kHomerText: return std::make_unique<HomerExportReader>(in, context, HomerExportReader::Kind::kText);
  }
  return nullptr;
}

}  // namespace

OpenedInput Input::open(std::unique_ptr<ByteSource> bytes, const ReaderContext& context, const UnpackLimits& limits,
                        std::size_t chunk, const std::shared_ptr<SpareThreads>& ahead) {
  InputInfo& info = context.info;
  std::vector<std::uint8_t> head = read_head(*bytes);
  info.bytes = bytes->stored_bytes();
  if (head.empty()) {
    const std::string why = bytes->problem();
    unusable(info, why.empty() ? (info.path == "-" ? "Standard input is empty." : "The file is empty.") : why);
    return {nullptr, why.empty()};
  }
  bytes = put_back(head, std::move(bytes));
  if (const auto compression = compression_of(head)) {
    info.compression = to_string(*compression);
    bytes = make_unpacker(*compression, std::move(bytes), limits);
    head = read_head(*bytes);
    info.bytes = bytes->stored_bytes();
    if (head.empty()) {
      const std::string why = bytes->problem();
      unusable(info, why.empty() ? fmt::format("The {} file has nothing in it.", info.compression) : why);
      return {nullptr, why.empty()};
    }
    bytes = put_back(head, std::move(bytes));
    if (compression_of(head)) {
      unusable(info, "This is compressed twice, which is not supported; unpack it once.");
      return {};
    }
  }
  const auto format = format_of(head);
  if (!format) {
    std::string sentence = describe_foreign(head);
    if (!info.compression.empty()) sentence = fmt::format("What is compressed with {}: {}", info.compression, sentence);
    unusable(info, std::move(sentence));
    return {nullptr, true};
  }
  info.format = to_string(*format);
  if (ahead != nullptr && !info.compression.empty()) bytes = read_ahead(std::move(bytes), ahead);
  std::unique_ptr<Input> input{new Input};  // private constructor
  input->info_ = &info;
  input->buffer_ = std::make_unique<InputBuffer>(std::move(bytes), chunk, &info.bytes);
  input->reader_ = make_reader(*format, *input->buffer_, context);
  return {std::move(input), false};
}

std::unique_ptr<Input> Input::of(std::unique_ptr<RecordReader> reader, const ReaderContext& context) {
  std::unique_ptr<Input> input{new Input};  // private constructor
  input->info_ = &context.info;
  input->reader_ = std::move(reader);
  return input;
}

void Input::finish() {
  if (std::exchange(finished_, true) || !buffer_) return;
  ProblemLog problems{*info_};
  if (buffer_->out_of_memory()) problems.damage("There is not enough memory for a record of this file.");
  if (std::string why = buffer_->source().problem(); !why.empty()) problems.damage(std::move(why));
}

}  // namespace voip::capture
