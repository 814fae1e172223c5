#include "capture/record_reader.h"

#include <algorithm>

namespace voip::capture {
namespace {
constexpr std::size_t kMostProblems = 20;
constexpr const char* kFurther = "There are further problems that are not listed.";
}  // namespace

void ProblemLog::damage(std::string sentence) {
  info_->complete = false;
  note(std::move(sentence));
}

void ProblemLog::note(std::string sentence) {
  std::vector<std::string>& problems = info_->problems;
  if (full_ || std::find(problems.begin(), problems.end(), sentence) != problems.end()) return;
  if (problems.size() < kMostProblems) {
    problems.push_back(std::move(sentence));
  } else {
    full_ = true;
    problems.emplace_back(kFurther);
  }
}

}  // namespace voip::capture
