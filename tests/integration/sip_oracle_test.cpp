// Every SIP message that tshark saw in a fixture (recorded beside it as .sip.tsv) is seen by us, in the same frame,
// with the same method or status and Call-ID, and no other.
#include <catch2/catch.hpp>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <set>
#include <sstream>

#include "support/capture_run.h"

using namespace voip;

namespace {

struct Row {
  std::uint64_t frame = 0;
  std::string what;  // method or status
  std::string call_id;
  auto operator<=>(const Row&) const = default;
};

class MessageList final : public session::Observer {
 public:
  void on_message(const dissect::SipEvent& event, const session::Call*) override {
    const sip::MessageView& message = *event.message;
    rows.push_back({event.frame.number,
                    message.is_request ? std::string(message.method_text) : std::to_string(message.status),
                    std::string(message.call_id)});
  }
  std::vector<Row> rows;
};

std::vector<Row> read_oracle(const std::filesystem::path& path) {
  std::vector<Row> rows;
  std::ifstream in(path);
  std::string line;
  while (std::getline(in, line)) {
    if (line.empty() || line[0] == '#' || line.starts_with("frame")) continue;
    std::vector<std::string> cells;
    std::stringstream split(line);
    std::string cell;
    while (std::getline(split, cell, '\t')) cells.push_back(cell);
    if (cells.size() < 3) continue;
    const std::string& status = cells[2];
    rows.push_back({std::stoull(cells[0]), status.empty() ? cells[1] : status, cells.size() > 3 ? cells[3] : ""});
  }
  return rows;
}

std::string text(const std::multiset<Row>& rows) {
  std::string all;
  std::size_t n = 0;
  for (const Row& row : rows) {
    all += "\n  frame " + std::to_string(row.frame) + " " + row.what + " " + row.call_id;
    if (++n == 8) break;
  }
  return all;
}

void compare(const std::filesystem::path& capture, const std::filesystem::path& oracle,
             const std::set<Row>& explained) {
  INFO(capture.string());
  MessageList seen;
  pipeline::Options options;
  options.stack.keep_duplicates = true;  // tshark counts each copy
  test::run({capture.string()}, seen, options);
  const std::vector<Row> expected = read_oracle(oracle);
  std::multiset<Row> ours(seen.rows.begin(), seen.rows.end());
  std::multiset<Row> theirs(expected.begin(), expected.end());
  for (const Row& row : expected) {
    if (const auto at = ours.find(row); at != ours.end()) {
      ours.erase(at);
      theirs.erase(theirs.find(row));
    }
  }
  const auto drop_explained = [&](std::multiset<Row>& rows) {
    std::erase_if(rows, [&](const Row& row) {
      return explained.contains(row) || explained.contains({row.frame, "*", ""});
    });
  };
  drop_explained(ours);
  drop_explained(theirs);
  INFO("only tshark:" << text(theirs) << "\nonly ours:" << text(ours));
  CHECK(ours.empty());
  CHECK(theirs.empty());
}

}  // namespace

// Public captures that the project does not carry; their oracles are kept in testdata/corpus-oracle.
TEST_CASE("SIP messages of the public corpus, when it is at hand, are those that tshark sees", "[oracle]") {
  const char* named = std::getenv("VOIP_CORPUS");
  const std::filesystem::path corpus =
      named != nullptr ? std::filesystem::path(named) : std::filesystem::path(SOURCE_DIR) / "../shared/corpus";
  if (!std::filesystem::is_directory(corpus)) {
    WARN("no corpus at " << corpus.string() << " (VOIP_CORPUS names one): nothing compared");
    return;
  }
  const std::map<std::string, std::set<Row>> explained{
      // RFC 4475's start lines that tshark takes for no SIP: another version (badvers), a status of four digits
      // (bigcode),
      // blanks in the Request-URI or around it (lwsruri, lwsstart, trws), and a method of its own kind. We tell them,
      // with anomalies.
      {"resiprocate-torture.pcap",
       {{10, "*", ""}, {14, "*", ""}, {46, "*", ""}, {47, "*", ""}, {74, "*", ""}, {77, "*", ""}}},
  };
  for (const auto& entry : std::filesystem::directory_iterator(std::filesystem::path(TESTDATA_DIR) / "corpus-oracle")) {
    const std::string name = entry.path().filename().string();
    if (!name.ends_with(".sip.tsv")) continue;
    const std::filesystem::path capture = corpus / name.substr(0, name.size() - 8);
    if (!std::filesystem::exists(capture)) continue;
    const auto at = explained.find(capture.filename().string());
    compare(capture, entry.path(), at == explained.end() ? std::set<Row>{} : at->second);
  }
}

TEST_CASE("SIP messages of every fixture are those that tshark sees", "[oracle]") {
  // What differs, by fixture, and why.
  const std::map<std::string, std::set<Row>> explained{
      // tshark does not go on behind a keep-alive (CRLF CRLF) within a segment.
      {"tcp-keepalive-inside.pcap", {{30, "*", ""}, {42, "*", ""}}},
      // The start of an INVITE whose end the capture lost: we tell it, as truncated; tshark does not.
      {"tcp-hole.pcap", {{17, "*", ""}}},
      // The oracle lists the HEP copies too; we count each message once, where it was first seen.
      {"hep-and-sip.pcap",
       {{2, "*", ""},
        {4, "*", ""},
        {6, "*", ""},
        {8, "*", ""},
        {10, "*", ""},
        {14, "*", ""},
        {16, "*", ""},
        {21, "*", ""},
        {23, "*", ""},
        {330, "*", ""},
        {332, "*", ""},
        {334, "*", ""},
        {336, "*", ""}}},
  };
  std::size_t compared = 0;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(TESTDATA_DIR)) {
    const std::filesystem::path path = entry.path();
    if (!path.string().ends_with(".sip.tsv")) continue;
    std::string stem = path.string().substr(0, path.string().size() - 8);
    const std::string capture = std::filesystem::exists(stem + ".pcap") ? stem + ".pcap" : stem + ".pcapng";
    if (!std::filesystem::exists(capture)) continue;
    const auto at = explained.find(std::filesystem::path(capture).filename().string());
    compare(capture, path, at == explained.end() ? std::set<Row>{} : at->second);
    ++compared;
  }
  CHECK(compared >= 10);
}
