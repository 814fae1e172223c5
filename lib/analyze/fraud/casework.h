#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "analyze/fraud/detector.h"
#include "analyze/fraud/roles.h"
#include "analyze/fraud/rules_attack.h"
#include "analyze/fraud/sources.h"

namespace voip::analyze::fraud {

class Places;

// What the attack detectors share when they draw their conclusions.
struct Casework {
  SourceBook& book;
  Roles& roles;
  Findings& findings;

  const Site& site() const { return findings.site; }
  const Thresholds& limits() const { return findings.limits; }
  const std::string& name_of(const Try& attempt) const { return book.text(attempt.user); }

  // Adds the campaign: names the program, puts what the sources' signs say beside it as further checks, and marks the
  // sources as suspects. culprits: indexes in book.sources().
  std::size_t raise(Incident incident, const std::vector<std::uint32_t>& culprits);
  // first, decisive and last frame, each once.
  static std::vector<report::Evidence> evidence(const FrameRef& first, const FrameRef& decisive, std::string_view note,
                                                const FrameRef& last);
  std::uint32_t index_of(const Source& source) const {
    return static_cast<std::uint32_t>(&source - book.sources().data());
  }
};

// Takeovers that theft followed, from the same place with the same account, are no second devices: they are grave.
void confirm_takeovers(IncidentStore& incidents);

// A detail of the source's campaign; an anomaly of its own where it has none. else_: what it could be otherwise.
void tell_beside(Casework& work, const IpAddress& address, Fired check, const FrameRef& first, const FrameRef& last,
                 std::uint64_t messages, std::string_view else_, std::vector<std::string> targets = {});

Fired fired(const report::Rule& rule, report::Severity severity, report::Confidence confidence, std::string message);
// The commonest of OPTIONS, REGISTER and INVITE; up to a moment, where one is given.
Kind scan_kind(const Source& source, Timestamp until = {});
// "1 call", "3 calls"
std::string counted(std::uint64_t number, std::string_view noun);
// "1, 2 and 3 more"
std::string listed(const std::vector<std::string>& names, std::size_t most = 5);
// Share of the names that follow their predecessor in counting, of those that are short numbers; 0 when few are.
double numeric_run(const std::vector<std::string>& names);

// recon.cpp: scans and enumeration. guess.cpp: passwords.
void conclude_guessing(Casework& work);
void conclude_recon(Casework& work);
void conclude_open_calls(Casework& work);
void conclude_travel(Casework& work, const Places& places);
void conclude_tools(Casework& work);  // attack programs that no other incident names

}  // namespace voip::analyze::fraud
