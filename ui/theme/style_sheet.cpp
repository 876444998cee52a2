#include "ui/theme/style_sheet.h"

namespace ui {

namespace {

// $name is replaced by the token's colour. Sizes are points for text, pixels for lines.
constexpr const char *kSheet = R"(
QToolTip { background: $raised; color: $text; border: 1px solid $border; padding: 4px; }
QFrame[card="true"] { background: $surface; border: 1px solid $border; border-radius: 6px; }
QFrame[card="inset"] { background: $inset; border: 1px solid $border; border-radius: 6px; }
QFrame[card="serving"] { background: $inset; border: 1px solid $ok; border-radius: 6px; }
QFrame[card="side"] { background: $surface; border: none; border-left: 1px solid $border; }
QFrame[rule="h"] { background: $border; border: none; max-height: 1px; min-height: 1px; }
QFrame[rule="v"] { background: $border; border: none; max-width: 1px; min-width: 1px; }
QFrame[banner="danger"] { background: $dangerTint; border: none; border-bottom: 1px solid $danger; }
QFrame[banner="warning"] { background: $warningTint; border: none;
    border-bottom: 1px solid $warning; }
QLabel { background: transparent; }
QLabel[role="title"] { font-size: 12pt; font-weight: 600; }
QLabel[role="panel"] { font-size: 10.5pt; font-weight: 600; }
QLabel[role="item"] { font-size: 9.4pt; font-weight: 500; }
QLabel[role="strong"] { font-weight: 600; }
QLabel[role="muted"] { color: $textMuted; }
QLabel[role="secondary"] { color: $textMuted; font-size: 8.25pt; }
QLabel[role="head"] { color: $textMuted; font-size: 8.25pt; font-weight: 500; }
QLabel[role="ok"] { color: $ok; }
QLabel[role="warning"] { color: $warning; }
QLabel[role="danger"] { color: $danger; }
QLabel[role="accent"] { color: $accent; }
QLabel[role="verdict-ok"] { color: $ok; font-size: 21pt; font-weight: 700; }
QLabel[role="verdict-danger"] { color: $danger; font-size: 21pt; font-weight: 700; }
QLabel[role="verdict-warning"] { color: $warning; font-size: 21pt; font-weight: 700; }
QLabel[role="verdict-muted"] { color: $textMuted; font-size: 21pt; font-weight: 700; }
QLabel[role="fix"] { background: $inset; border: 1px solid $border; border-radius: 4px;
    padding: 2px 8px; font-size: 8.5pt; }
QLabel[role="keycap"] { background: $raised; color: $textMuted; border: 1px solid $border;
    border-radius: 3px; padding: 0px 4px; font-size: 8pt; }

QPushButton { background: $raised; color: $text; border: 1px solid $border; border-radius: 4px;
    padding: 0px 12px; min-height: 26px; font-weight: 500; }
QPushButton:hover { border-color: $control; }
QPushButton:pressed { background: $select; }
QPushButton:focus { border: 2px solid $accent; padding: 0px 11px; min-height: 24px; }
QPushButton:disabled { color: $textDisabled; background: $surface; }
QPushButton[kind="primary"] { background: $accentFill; color: $onAccent;
    border-color: $accentFill; font-weight: 600; }
QPushButton[kind="primary"]:focus { border: 2px solid $text; }
QPushButton[kind="primary"]:disabled { background: $raised; color: $textDisabled;
    border-color: $border; }
QPushButton[kind="quiet"] { background: transparent; }
QPushButton[kind="link"] { background: transparent; border: 1px solid transparent;
    color: $accent; padding: 0px 4px; min-height: 18px; text-align: left; font-weight: 600; }
QPushButton[kind="link"]:focus { border: 1px solid $accent; }
QPushButton[kind="halt"] { background: $dangerFill; color: $onDanger; border-color: $dangerFill;
    font-weight: 700; min-height: 30px; padding: 0px 20px; }
QPushButton[kind="halt"]:focus { border: 2px solid $text; min-height: 28px; }
QPushButton[kind="bar"] { min-height: 30px; background: $surface; }
QPushButton[kind="icon"] { background: transparent; border: 1px solid transparent;
    padding: 0px; min-width: 28px; max-width: 28px; min-height: 26px; }
QPushButton[kind="icon"]:hover { background: $raised; border-color: $border; }
QPushButton[kind="icon"]:focus { border: 2px solid $accent; }
QPushButton[kind="icon"]:checked { background: $raised; border-color: $border; }
QComboBox { background: $surface; border: 1px solid $control; border-radius: 4px;
    padding: 0px 8px; min-height: 26px; }
QComboBox:focus { border: 2px solid $accent; padding: 0px 7px; min-height: 24px; }
QComboBox::drop-down { border: none; width: 18px; }
QComboBox::down-arrow { image: none; }
QComboBox QAbstractItemView { background: $surface; border: 1px solid $border;
    selection-background-color: $select; selection-color: $text; }
QLineEdit { background: $inset; border: 1px solid $control; border-radius: 4px;
    padding: 0px 8px; min-height: 30px; selection-background-color: $accentFill;
    selection-color: $onAccent; }
QLineEdit:focus { border: 2px solid $accent; padding: 0px 7px; min-height: 28px; }
QLineEdit:disabled { color: $textDisabled; border-color: $border; }
QSpinBox { background: $inset; border: 1px solid $control; border-radius: 4px;
    padding: 0px 8px; min-height: 28px; selection-background-color: $accentFill;
    selection-color: $onAccent; }
QSpinBox:focus { border: 2px solid $accent; padding: 0px 7px; min-height: 26px; }
QSlider::groove:horizontal { background: $raised; height: 4px; border-radius: 2px; }
QSlider::sub-page:horizontal { background: $accent; height: 4px; border-radius: 2px; }
QSlider::handle:horizontal { background: $surface; border: 2px solid $accent; width: 10px;
    margin: -5px 0; border-radius: 7px; }
QSlider::handle:horizontal:focus { border-color: $text; }
QSlider::sub-page:horizontal:disabled { background: $raised; }
QSlider::handle:horizontal:disabled { border-color: $control; }

QTableView { background: $surface; border: none; gridline-color: transparent;
    selection-background-color: $select; selection-color: $text; outline: 0; }
QHeaderView { background: $surface; border: none; }
QHeaderView::section { background: $surface; color: $textMuted; border: none;
    border-bottom: 1px solid $border; padding: 0px 8px; font-size: 8.25pt; font-weight: 500; }
QListView { background: $surface; border: none; outline: 0; }
QListView::item { padding: 4px 8px; min-height: 24px; }
QListView::item:selected { background: $select; color: $text; }
QScrollArea { background: transparent; border: none; }
QScrollBar:vertical { background: transparent; width: 10px; margin: 0; }
QScrollBar::handle:vertical { background: $control; border-radius: 3px; min-height: 24px;
    margin: 2px; }
QScrollBar:horizontal { background: transparent; height: 10px; margin: 0; }
QScrollBar::handle:horizontal { background: $control; border-radius: 3px; min-width: 24px;
    margin: 2px; }
QScrollBar::add-line, QScrollBar::sub-line { width: 0; height: 0; }
QScrollBar::add-page, QScrollBar::sub-page { background: transparent; }
QMenu { background: $surface; border: 1px solid $border; padding: 4px; }
QMenu::item { padding: 4px 24px 4px 12px; border-radius: 4px; }
QMenu::item:selected { background: $select; color: $text; }
QMenu::item:disabled { color: $textDisabled; }
QMenu::separator { height: 1px; background: $border; margin: 4px; }
QDialog { background: $surface; }
)";

/// A translucent colour as it looks on an opaque one: style sheets take names of opaque colours.
QColor mixed(const QColor &over, const QColor &under)
{
    const float a = over.alphaF();
    const auto mix = [a](float o, float u) { return o * a + u * (1 - a); };
    return QColor::fromRgbF(mix(over.redF(), under.redF()), mix(over.greenF(), under.greenF()),
                            mix(over.blueF(), under.blueF()));
}

} // namespace

QString styleSheet(const Tokens &t)
{
    const std::pair<const char *, QColor> colours[] = {
        {"$window", t.window},
        {"$surface", t.surface},
        {"$raised", t.raised},
        {"$inset", t.inset},
        {"$select", t.select},
        {"$border", t.border},
        {"$grid", t.grid},
        {"$control", t.control},
        {"$textMuted", t.textMuted},
        {"$textDisabled", t.textDisabled},
        {"$text", t.text},
        {"$accentFill", t.accentFill},
        {"$accent", t.accent},
        {"$onAccent", t.onAccent},
        {"$ok", t.ok},
        {"$warningTint", mixed(t.tint(t.warning), t.surface)},
        {"$dangerTint", mixed(t.tint(t.danger), t.surface)},
        {"$warning", t.warning},
        {"$dangerFill", t.dangerFill},
        {"$danger", t.danger},
        {"$onDanger", t.onDanger},
    };
    QString sheet = QString::fromLatin1(kSheet);
    for (const auto &[name, colour] : colours)
        sheet.replace(QLatin1String(name), colour.name());
    return sheet;
}

} // namespace ui
