#pragma once
// The style sheet of the controls, filled with a palette's colours.

#include "ui/theme/tokens.h"

#include <QString>

namespace ui {

[[nodiscard]] QString styleSheet(const Tokens &tokens);

} // namespace ui
