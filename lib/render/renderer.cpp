#include "render/renderer.h"

#include <algorithm>
#include <array>

#include "render/json.h"
#include "render/text.h"

namespace voip::render {

namespace {

constexpr std::array kFormats{
    Format{"text", "for people", render_text},
    Format{"json", "one object, see report.schema.json", render_json},
    Format{"ndjson", "the same objects, one a line", render_ndjson},
};

}  // namespace

std::span<const Format> formats() { return kFormats; }

const Format* find_format(std::string_view name) {
  const auto* found = std::ranges::find(kFormats, name, &Format::name);
  return found == kFormats.end() ? nullptr : &*found;
}

}  // namespace voip::render
