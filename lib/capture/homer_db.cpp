#include "capture/homer_db.h"

#include <fmt/format.h>
#include <libpq-fe.h>

#include <algorithm>
#include <map>
#include <optional>
#include <utility>

#include "base/text.h"
#include "capture/homer_row.h"

namespace voip::capture {

namespace {

constexpr std::size_t kMostTables = 64;
constexpr int kRowsPerFetch = 2000;
constexpr int kRowsPerPoll = 32;
constexpr std::size_t kLongestRaw = 65'000;

struct FreeResult {
  void operator()(PGresult* result) const { PQclear(result); }
};
struct FreeConnection {
  void operator()(PGconn* connection) const { PQfinish(connection); }
};
using PgResult = std::unique_ptr<PGresult, FreeResult>;
using PgConnection = std::unique_ptr<PGconn, FreeConnection>;

// The server's words in one line.
std::string one_line(const char* message) {
  std::string text;
  for (const char c : std::string_view{message == nullptr ? "" : message}) {
    text += c == '\n' || c == '\t' ? ' ' : c;
  }
  return std::string(trim(text));
}

std::string_view cell(const PgResult& result, int row, int column) {
  if (PQgetisnull(result.get(), row, column) != 0) return {};
  return {PQgetvalue(result.get(), row, column), static_cast<std::size_t>(PQgetlength(result.get(), row, column))};
}

std::string quoted(PGconn* connection, std::string_view name) {
  char* text = PQescapeIdentifier(connection, name.data(), name.size());
  if (text == nullptr) return {};
  std::string copy{text};
  PQfreemem(text);
  return copy;
}

// Microseconds since 1970 as SQL's timestamptz.
std::string sql_time(std::int64_t us) {
  return fmt::format("(timestamptz 'epoch' + {} * interval '1 microsecond')", us);
}

// A bigint of 32 bits in the other byte order.
std::string sql_swapped(std::string_view value) {
  return fmt::format("((({0} & 255) << 24) | (({0} & 65280) << 8) | (({0} >> 8) & 65280) | (({0} >> 24) & 255))",
                     value);
}

}  // namespace

struct HomerDb::Impl {
  PgConnection connection;
  std::vector<std::string> tables;
  std::vector<bool> has_id;
  std::vector<std::string> notes;
  Timestamp from;
  Timestamp to;
  PgResult* asked = nullptr;  // where the result goes that the server is working on

  // Lets the server work on while the rows at hand are looked at.
  void ask(const std::string& sql, PgResult& answer) {
    settle();
    if (PQsendQuery(connection.get(), sql.c_str()) == 1) asked = &answer;
  }
  // Takes what has come, so that the server need not wait.
  void poll() {
    if (asked != nullptr) (void)PQconsumeInput(connection.get());
  }
  // Waits for what was asked for.
  void settle() {
    if (asked == nullptr) return;
    PgResult& answer = *std::exchange(asked, nullptr);
    while (PGresult* result = PQgetResult(connection.get())) answer.reset(result);
  }

  Result<PgResult> run(const std::string& sql) {
    settle();
    PgResult result{PQexec(connection.get(), sql.c_str())};
    return checked(std::move(result));
  }

  Result<PgResult> checked(PgResult result) {
    const ExecStatusType status = PQresultStatus(result.get());
    if (status != PGRES_TUPLES_OK && status != PGRES_COMMAND_OK) {
      return Error{one_line(PQerrorMessage(connection.get()))};
    }
    return result;
  }

  Status begin() {
    for (const char* sql :
         {"SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY", "SET timezone='UTC'", "SET client_encoding='UTF8'",
          "SET statement_timeout=0", "SET lock_timeout='10s'", "SET idle_in_transaction_session_timeout=0",
          "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"}) {
      // Old servers don't know every setting; only the transaction is needed.
      auto result = run(sql);
      if (!result && std::string_view{sql}.starts_with("BEGIN")) return result.error();
    }
    return Done{};
  }

  // Parent tables with the columns that a message needs.
  Status find_tables() {
    auto found =
        run("SELECT c.relname, a.attname FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid "
            "WHERE c.relkind IN ('r','p') AND NOT c.relispartition AND pg_table_is_visible(c.oid) AND a.attnum > 0 "
            "AND NOT a.attisdropped AND c.relname ~ '^hep_proto_[0-9]+_' ORDER BY 1, 2");
    if (!found) return found.error();
    std::map<std::string, std::vector<std::string>> columns;
    for (int i = 0; i < PQntuples(found->get()); ++i) {
      columns[std::string(cell(*found, i, 0))].emplace_back(cell(*found, i, 1));
    }
    if (columns.empty()) {
      return Error{
          "There are no tables hep_proto_... in it: this is no data database of Homer 7 (usually homer_data)."};
    }
    for (const auto& entry : columns) {
      const std::string& table = entry.first;
      const std::vector<std::string>& names = entry.second;
      const auto has = [&names](std::string_view name) { return std::ranges::find(names, name) != names.end(); };
      std::string missing;
      for (const char* name : {"create_date", "protocol_header", "raw"}) {
        if (!has(name)) missing += (missing.empty() ? "" : ", ") + std::string(name);
      }
      if (!missing.empty()) {
        notes.push_back(fmt::format("The table {} was not read: it has no column {}.", table, missing));
      } else if (tables.size() >= kMostTables) {
        notes.push_back(fmt::format("The table {} was not read: there are more than {}.", table, kMostTables));
      } else {
        auto allowed = run(fmt::format("SELECT has_table_privilege({}, 'SELECT')", literal(table)));
        if (allowed && cell(*allowed, 0, 0) != "t") {
          notes.push_back(fmt::format("The table {} was not read: this user may not.", table));
          continue;
        }
        tables.push_back(table);
        has_id.push_back(has("id"));
      }
    }
    if (tables.empty()) return Error{notes.empty() ? "There is no table that can be read." : notes.front()};
    return Done{};
  }

  std::string literal(const std::string& text) {
    char* escaped = PQescapeLiteral(connection.get(), text.data(), text.size());
    if (escaped == nullptr) return "''";
    std::string copy{escaped};
    PQfreemem(escaped);
    return copy;
  }
};

namespace {

// Pulls the rows of one table through cursors: those in order of create_date, and, where a table holds some, those
// whose time was stored in the wrong byte order, sorted by the right one.
class TableReader final : public RecordReader {
 public:
  TableReader(std::shared_ptr<HomerDb> owner, HomerDb::Impl& db, std::size_t table, const ReaderContext& context)
      : owner_(std::move(owner)),
        db_(db),
        table_(table),
        info_(context.info),
        problems_(context.info),
        input_(context.input) {
    cursors_.reserve(kMostCursors);  // results are awaited in their places
  }
  TableReader(const TableReader&) = delete;
  TableReader& operator=(const TableReader&) = delete;
  ~TableReader() override { db_.settle(); }

  bool next(Packet& packet) override {
    if (!started_) start();
    Cursor* turn = nullptr;
    for (Cursor& cursor : cursors_) {
      if (!cursor.ended && !cursor.ready && !advance(cursor)) continue;
      if (cursor.ready && (turn == nullptr || cursor.row.time() < turn->row.time())) turn = &cursor;
    }
    if (turn == nullptr) {
      tell_end();
      return false;
    }
    turn->ready = false;
    HomerRow& row = turn->row;
    bool cut = false;
    row.to_frame(frame_, cut);
    packet.bytes = frame_;
    packet.wire_length = static_cast<std::uint32_t>(frame_.size() + (cut ? 1 : 0));
    packet.link = LinkType::kHepFrame;
    packet.interface = 0;
    packet.frame = {.input = input_, .number = row.id, .time = row.time()};
    packet.offset = 0;
    info_.bytes += row.raw.size();
    count_packet(info_, packet.frame.time);
    return true;
  }

 private:
  struct Cursor {
    std::string name;
    bool swapped = false;
    bool ended = false;
    bool ready = false;
    PgResult rows;
    PgResult ahead;  // the rows after those
    int at = 0;
    HomerRow row;
  };
  static constexpr std::size_t kMostCursors = 2;

  void give_up(std::string why) {
    db_.settle();
    problems_.damage(std::move(why));
    for (Cursor& cursor : cursors_) {
      cursor.ended = true;
      cursor.rows.reset();
      cursor.ahead.reset();
    }
  }

  void start() {
    started_ = true;
    const std::string name = quoted(db_.connection.get(), db_.tables[table_]);
    const std::string id = db_.has_id[table_] ? "id" : "0";
    // For each row: exact decimal arithmetic and the counting of characters would cost the server a third of its time.
    const std::string columns = fmt::format(
        "{0}, (date_part('epoch', create_date) * 1000000)::bigint, protocol_header, "
        "CASE WHEN octet_length(raw) > {1} THEN left(raw, {1}) ELSE raw END",
        id, kLongestRaw);
    // A time in the wrong byte order is nearly always far away: one look at both ends of the index tells.
    auto odd =
        db_.run(fmt::format("SELECT EXISTS (SELECT 1 FROM {0} WHERE create_date < '2000-01-01Z') OR "
                            "EXISTS (SELECT 1 FROM {0} WHERE create_date >= '2038-01-01Z')",
                            name));
    if (!odd) {
      cursors_.emplace_back();
      give_up(fmt::format("The table can't be read: {}.", odd.error().message));
      return;
    }
    const bool any_swapped = cell(*odd, 0, 0) == "t";
    const std::string micros = "(protocol_header->>'timeUseconds')::numeric::bigint";
    const std::string is_swapped = fmt::format("({} >= 1000000 AND {} < 1000000)", micros, sql_swapped(micros));
    const std::string seconds = sql_swapped("s");
    std::string where = "true";
    if (db_.from.known()) where += " AND create_date >= " + sql_time(db_.from.ns / 1000 - 1'000'000);
    if (db_.to.known()) where += " AND create_date < " + sql_time(db_.to.ns / 1000 + 1'000'000);
    if (any_swapped) where += fmt::format(" AND {} IS NOT TRUE", is_swapped);
    declare(fmt::format("SELECT {} FROM {} WHERE {} ORDER BY create_date, {}", columns, name, where,
                        db_.has_id[table_] ? "id" : "1"),
            false);
    if (!any_swapped) return;
    std::string range = "true";
    if (db_.from.known()) range += fmt::format(" AND {} >= {}", seconds, db_.from.ns / kNsPerSecond - 1);
    if (db_.to.known()) range += fmt::format(" AND {} <= {}", seconds, db_.to.ns / kNsPerSecond + 1);
    declare(fmt::format("SELECT {} FROM (SELECT *, (protocol_header->>'timeSeconds')::numeric::bigint AS s FROM {} "
                        "WHERE {}) AS rows WHERE {} ORDER BY {}, create_date, {}",
                        columns, name, is_swapped, range, seconds, db_.has_id[table_] ? "id" : "1"),
            true);
  }

  void declare(const std::string& query, bool swapped) {
    Cursor cursor;
    cursor.name = fmt::format("voip_audit_{}_{}", table_, cursors_.size());
    cursor.swapped = swapped;
    auto made = db_.run(fmt::format("DECLARE {} NO SCROLL CURSOR FOR {}", cursor.name, query));
    cursors_.push_back(std::move(cursor));
    if (!made) give_up(fmt::format("The table can't be read: {}.", made.error().message));
  }

  // The next rows of a cursor. False: there are none.
  bool fetch(Cursor& cursor) {
    const std::string sql = fmt::format("FETCH {} FROM {}", kRowsPerFetch, cursor.name);
    const bool was_last = cursor.rows && PQntuples(cursor.rows.get()) < kRowsPerFetch;
    cursor.rows.reset();
    cursor.at = 0;
    if (was_last) return false;
    db_.settle();
    auto rows = cursor.ahead ? db_.checked(std::move(cursor.ahead)) : db_.run(sql);
    if (!rows) {
      give_up(fmt::format("The database went away, or stopped to answer: {}.", rows.error().message));
      return false;
    }
    cursor.rows = std::move(*rows);
    if (PQntuples(cursor.rows.get()) == kRowsPerFetch) db_.ask(sql, cursor.ahead);
    return PQntuples(cursor.rows.get()) != 0;
  }

  // The next row of a cursor, in its `row`. False: it has ended.
  bool advance(Cursor& cursor) {
    for (;;) {
      if ((!cursor.rows || cursor.at >= PQntuples(cursor.rows.get())) && !fetch(cursor)) {
        cursor.ended = true;
        return false;
      }
      const int at = cursor.at++;
      if (at % kRowsPerPoll == 0) db_.poll();
      HomerRow& row = cursor.row;
      row.clear();
      row.id = parse_number<std::uint64_t>(cell(cursor.rows, at, 0)).value_or(0);
      if (row.id == 0) row.id = ++ordinal_;
      row.stored_us = static_cast<std::int64_t>(parse_number<std::uint64_t>(cell(cursor.rows, at, 1)).value_or(0));
      if (!row.take_header(cell(cursor.rows, at, 2))) {
        ++odd_rows_;
        continue;
      }
      row.raw = cell(cursor.rows, at, 3);
      row.fix_time();
      swapped_rows_ += row.swapped ? 1U : 0U;
      cursor.ready = true;
      return true;
    }
  }

  void tell_end() {
    if (std::exchange(told_, true)) return;
    if (swapped_rows_ != 0) {
      problems_.note(fmt::format(
          "The times of {} messages were stored in the wrong byte order (HEP version 2) and were put right.",
          swapped_rows_));
    }
    if (odd_rows_ != 0) problems_.damage(fmt::format("{} rows have a protocol_header that can't be read.", odd_rows_));
    cursors_.clear();
  }

  std::shared_ptr<HomerDb> owner_;  // the connection lives as long as its readers
  HomerDb::Impl& db_;
  std::size_t table_ = 0;
  InputInfo& info_;
  ProblemLog problems_;
  std::uint32_t input_ = 0;
  bool started_ = false;
  bool told_ = false;
  std::vector<Cursor> cursors_;
  std::vector<std::uint8_t> frame_;
  std::uint64_t ordinal_ = 0;
  std::uint64_t swapped_rows_ = 0;
  std::uint64_t odd_rows_ = 0;
};

}  // namespace

bool HomerDb::is_url(std::string_view path) {
  return istarts_with(path, "postgresql://") || istarts_with(path, "postgres://");
}

std::string HomerDb::masked(std::string_view url) {
  std::string text{url};
  const std::size_t begin = text.find("//");
  if (begin == std::string::npos) return text;
  std::size_t end = text.find_first_of("/?", begin + 2);
  if (end == std::string::npos) end = text.size();
  const std::size_t at = text.rfind('@', end);
  if (at != std::string::npos && at > begin) {
    const std::size_t colon = text.find(':', begin + 2);
    if (colon < at) text.replace(colon + 1, at - colon - 1, "***");
  }
  for (const std::string_view key : {"password=", "sslpassword="}) {
    for (std::size_t from = 0; (from = text.find(key, from)) != std::string::npos;) {
      from += key.size();
      const std::size_t stop = std::min(text.find('&', from), text.size());
      text.replace(from, stop - from, "***");
    }
  }
  return text;
}

HomerDb::HomerDb(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
HomerDb::~HomerDb() = default;

Result<std::shared_ptr<HomerDb>> HomerDb::open(const std::string& url, Timestamp from, Timestamp to) {
  auto impl = std::make_unique<Impl>();
  impl->from = from;
  impl->to = to;
  const char* keys[] = {"dbname", "fallback_application_name", "connect_timeout", nullptr};
  const char* values[] = {url.c_str(), "voip-audit", "15", nullptr};
  // The URL stands first and is expanded; what it says itself about the time to wait comes later and counts.
  const bool waits = url.find("connect_timeout=") != std::string::npos;
  if (waits) keys[2] = nullptr;
  impl->connection.reset(PQconnectdbParams(keys, values, 1));
  PGconn* connection = impl->connection.get();
  if (connection == nullptr || PQstatus(connection) != CONNECTION_OK) {
    return Error{fmt::format("The database can't be opened: {}.", connection == nullptr
                                                                      ? std::string("out of memory")
                                                                      : one_line(PQerrorMessage(connection)))};
  }
  PQsetNoticeProcessor(
      connection, [](void*, const char*) {}, nullptr);
  if (const Status begun = impl->begin(); !begun) {
    return Error{fmt::format("The database can't be read: {}.", begun.error().message)};
  }
  if (const Status found = impl->find_tables(); !found) return found.error();
  return std::make_shared<HomerDb>(std::move(impl));
}

const std::vector<std::string>& HomerDb::tables() const { return impl_->tables; }
const std::vector<std::string>& HomerDb::notes() const { return impl_->notes; }

std::unique_ptr<RecordReader> HomerDb::read(std::size_t table, const ReaderContext& context) {
  return std::make_unique<TableReader>(shared_from_this(), *impl_, table, context);
}

}  // namespace voip::capture
