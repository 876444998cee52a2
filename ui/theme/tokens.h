#pragma once
// The console's two palettes: every colour that a widget paints with comes from here.
// GUI thread only; tokens() changes when applyTheme() is called, widgets then get a PaletteChange.

#include <QColor>

#include <array>

namespace ui {

enum class Scheme { Dark, Light };

/// Series colours by meaning: the same on every page; red is never a series.
enum Series : std::size_t {
    PrimaryPath,
    P99,
    P95,
    StandbyPath,
    P50,
    FailedShare,
    LateShare,
    PopularityPath,
    SeriesCount
};
inline constexpr Series Quality = P95;
inline constexpr Series CachedPath = P50;

struct Tokens
{
    Scheme scheme;
    QColor window, surface, raised, inset, select, border, grid, control;
    QColor text, textMuted, textDisabled;
    QColor accent, accentFill, onAccent;
    QColor ok, warning, danger, dangerFill, onDanger, fault;
    double bandAlpha; ///< of the fault band over a plot
    double tintAlpha; ///< of a state colour under a chip or lane bar
    std::array<QColor, SeriesCount> series;

    [[nodiscard]] QColor tint(const QColor &state) const;
    [[nodiscard]] QColor band() const;         ///< reached part of a fault
    [[nodiscard]] QColor expectedBand() const; ///< the part still to come
};

[[nodiscard]] const Tokens &darkTokens();
[[nodiscard]] const Tokens &lightTokens();
[[nodiscard]] const Tokens &tokens();
/// Only applyTheme() calls it.
void setTokens(Scheme scheme);

/// WCAG 2 contrast ratio of two opaque colours, 1 to 21.
[[nodiscard]] double contrast(const QColor &a, const QColor &b);

} // namespace ui
