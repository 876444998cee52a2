#pragma once
// The ways an alert leaves: a line in a file, a program's standard input, an HTTP post.

#include "engine/base/clock.h"
#include "engine/base/error.h"

#include <string>
#include <vector>

namespace engine {

[[nodiscard]] Result<> appendLine(const std::string &file, const std::string &line);
/// The program gets `text` and 10 s; it is killed then. Its exit code other than 0 is an error.
[[nodiscard]] Result<> runCommand(const std::vector<std::string> &command, const std::string &text,
                                  const Clock &clock);
/// http and https only, no redirects, 5 s; a status from 200 to 299 is good.
[[nodiscard]] Result<> postJson(const std::string &url, const std::string &body);

} // namespace engine
