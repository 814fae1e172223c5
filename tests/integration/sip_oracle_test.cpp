// Every SIP message that tshark saw in a fixture (recorded beside it as .sip.tsv) is seen by us, in the same frame, with
// the same method or status and Call-ID, and no other.
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
    if (event.provenance != net::Provenance::kWire) return;
    const sip::MessageView& message = *event.message;
    rows.push_back({event.frame.number, message.is_request ? std::string(message.method_text) : std::to_string(message.status),
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

void compare(const std::filesystem::path& capture, const std::filesystem::path& oracle, const std::set<Row>& explained) {
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
    std::erase_if(rows, [&](const Row& row) { return explained.contains(row) || explained.contains({row.frame, "*", ""}); });
  };
  drop_explained(ours);
  drop_explained(theirs);
  INFO("only tshark:" << text(theirs) << "\nonly ours:" << text(ours));
  CHECK(ours.empty());
  CHECK(theirs.empty());
}

}  // namespace

TEST_CASE("SIP messages of every fixture are those that tshark sees", "[oracle]") {
  // What differs, by fixture, and why.
  const std::map<std::string, std::set<Row>> explained{};
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
