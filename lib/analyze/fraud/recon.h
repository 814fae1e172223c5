#pragma once

#include <cstdint>
#include <optional>
#include <set>
#include <vector>

#include "analyze/fraud/casework.h"

// Who looks for servers, ports, users: sweeps, scans, enumeration, slow or spread over many sources.
namespace voip::analyze::fraud {

inline constexpr std::chrono::hours kScanDay{24};
inline constexpr std::size_t kScanAors = 10;

class Recon {
 public:
  explicit Recon(Casework& work) : work_(work), book_(work.book) {}

  void conclude();

 private:
  // How servers answered for some users.
  struct Answers {
    std::uint64_t requests = 0;
    std::uint64_t answered = 0;
    std::uint64_t refused = 0;  // 401, 403, 404, 407, 480, 484
    std::uint64_t known = 0;
    std::uint64_t unknown = 0;
    std::vector<std::uint32_t> found{};  // users that exist, where others do not
  };

  // The site's own hosts, but for attack programs: reconnaissance comes from outside.
  bool at_work(const Source& source) const { return work_.site().own(source.address) && !source.signs.hostile(); }
  // Logs in here with success, with accounts that it did not guess.
  bool at_home(const Source& source) const;
  // Asked without credentials, and never with them: indexes of Tries.
  std::vector<std::uint32_t> strange_users(const Source& source) const;
  // Users that it found and then guessed passwords for: asked for without a login that followed.
  void add_prey(const Source& source, std::vector<std::uint32_t>& tries) const;
  std::vector<std::int64_t> first_times(const std::vector<std::uint32_t>& tries) const;
  // A host that this one serves or has been asked by is no stranger to it.
  bool stranger(const Source& source, const Target& target) const;
  void fill(Incident& incident, const Source& source) const;
  Answers answers(const std::vector<std::uint32_t>& tries) const;
  std::size_t registers(const std::vector<std::uint32_t>& tries) const;
  void take(Incident& incident, const std::vector<std::uint32_t>& tries, const Source& source);

  // recon_hosts.cpp
  struct Visits {
    std::vector<FrameRef> firsts{};  // of each host that is a stranger to it, by time
    std::size_t answering = 0;
    std::size_t fast = 0;   // hosts within the short window
    std::size_t ports = 0;  // most of one host within a minute
    std::string port_host{};
    bool horizontal = false;
    bool vertical = false;
  };
  Visits visits(const Source& source) const;
  void sweep(std::uint32_t index);
  bool asks_its_own(const Source& source, std::size_t hosts) const;
  bool let_in(const Source& source) const;
  bool resident(const Source& source) const;
  void spread();
  // recon_users.cpp
  void users(std::uint32_t index);
  static bool repeats_itself(const Answers& sum, std::size_t users);
  void knock(std::uint32_t index, std::vector<std::uint32_t>& tries);
  void enumeration(std::uint32_t index, const std::vector<std::uint32_t>& tries, const Answers& sum);
  bool dials_out(const Source& source, const std::vector<std::uint32_t>& tries) const;
  bool invite_scan(std::uint32_t index, const std::vector<std::uint32_t>& tries);
  void register_scan(std::uint32_t index, const std::vector<std::uint32_t>& tries,
                     const std::vector<std::int64_t>& times);

  Casework& work_;
  SourceBook& book_;
  std::set<IpAddress> answering_;
};

// Most of the called users end alike: one number behind many prefixes. That is dial-plan probing.
bool prefix_probe(const Casework& work, const std::vector<std::uint32_t>& tries);
// Puts a source down to the program whose signs it bears: FRAUD-001 to 004.
std::optional<Fired> tool_check(const Source& source);
inline std::uint16_t bit(sip::Method method) { return static_cast<std::uint16_t>(1U << static_cast<unsigned>(method)); }

}  // namespace voip::analyze::fraud
