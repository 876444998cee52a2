#pragma once
// What a table cell paints beyond plain text; the models hand it out, CellDelegate draws it.

#include "ui/widgets/tone.h"

#include <QMetaType>

#include <algorithm>
#include <optional>
#include <vector>

namespace ui {

struct Cell
{
    QString text = {}, icon = {};
    QString second = {}; ///< second: a muted line under the text, or beside a number
    Tone tone = Tone::Plain;
    bool number = false, strong = false, fixed = false, button = false;
    std::optional<double> share = {}; ///< a bar, 0..1 and above
    std::optional<Series> shareColour = {};
    std::vector<float> spark = {}; ///< NaN = gap
    /// Gaps in a sparkline equal each other, or every refresh would look like a change.
    bool operator==(const Cell &other) const
    {
        const auto same = [](float a, float b) { return a == b || (a != a && b != b); };
        return text == other.text && icon == other.icon && second == other.second
               && tone == other.tone && number == other.number && strong == other.strong
               && fixed == other.fixed && button == other.button && share == other.share
               && shareColour == other.shareColour
               && std::equal(spark.begin(), spark.end(), other.spark.begin(), other.spark.end(),
                             same);
    }
};

inline constexpr int kCellRole = Qt::UserRole + 1;

} // namespace ui

Q_DECLARE_METATYPE(ui::Cell)
