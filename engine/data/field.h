#pragma once
// What the text of one field means, independent of the locale.

#include <optional>
#include <string>
#include <string_view>

namespace engine {

/// Without spaces and tabs at both ends.
[[nodiscard]] std::string_view trimmed(std::string_view text);

/// A finite decimal number with a point; nothing else around it.
[[nodiscard]] std::optional<double> numberOf(std::string_view text);

/// A number (seconds, milliseconds ... since whenever: only the order matters), or a date as
/// 2010-12-01, 2010-12-01 08:26, 2010-12-01T08:26:00.5Z, +01:00; slashes may stand for dashes.
/// Microseconds since 1970 for dates.
[[nodiscard]] std::optional<double> timeOf(std::string_view text);

/// Identifiers that went through a spreadsheet: "17850.0" is "17850".
[[nodiscard]] std::string_view identifier(std::string_view text);

/// Control characters become spaces, what is no UTF-8 becomes U+FFFD, ends are trimmed.
[[nodiscard]] std::string cleanText(std::string_view text);

} // namespace engine
