#pragma once
// State as icon, word and colour, always all three; one vocabulary for every page.

#include "engine/drill/verdict.h"
#include "engine/event/event.h"
#include "ui/theme/tokens.h"

#include <QString>

namespace ui {

enum class Tone { Plain, Muted, Ok, Warning, Danger, Accent };

[[nodiscard]] QColor toneColour(Tone tone);

struct StateWord
{
    QString word, icon;
    Tone tone = Tone::Muted;
    bool operator==(const StateWord &) const = default;
};

[[nodiscard]] StateWord processWord(engine::ProcessState state);
[[nodiscard]] StateWord processWord(const std::string &state); ///< of engine::ProcessStatus
[[nodiscard]] StateWord verdictWord(engine::Word word);        ///< "pass", "fail" ... for tables

} // namespace ui
