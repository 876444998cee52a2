#pragma once
// Puts the look on the application: Fusion, palette, style sheet, fonts; and the few helpers that
// every painted widget shares.

#include "ui/theme/tokens.h"

#include <QFont>
#include <QIcon>
#include <QPixmap>
#include <QWidget>

class QApplication;
class QLabel;
class QPainter;

namespace ui {

void applyTheme(QApplication &application, Scheme scheme);

enum class Type { Verdict, Number, CardTitle, PanelTitle, ItemTitle, Body, Secondary, Axis, Fixed };
/// The application's font in one of the sizes of the type scale (points, never pixels).
[[nodiscard]] QFont typeFont(Type type, int weight = 0);

/// One of our icons in one colour; sharp on the given device pixel ratio. Cached.
[[nodiscard]] QPixmap iconPixmap(const QString &name, const QColor &colour, int size,
                                 qreal ratio = 1.0);
/// For buttons: text colour, disabled in its own colour.
[[nodiscard]] QIcon icon(const QString &name);
[[nodiscard]] QIcon icon(const QString &name, const QColor &colour);
void drawIcon(QPainter &painter, const QString &name, const QColor &colour, const QRectF &box);

/// Draws a number so that every digit takes the advance of "0" (Qt 6.4 has no tabular figures).
/// `right` true: `at` is the right end of the baseline, else the left. Returns the width.
double drawDigits(QPainter &painter, const QPointF &at, const QString &text, bool right);
[[nodiscard]] double digitsWidth(const QFontMetricsF &metrics, const QString &text);

/// Gives the widget its name for tests and assistive software, and returns it.
template <class W>
W *named(W *widget, const char *name)
{
    widget->setObjectName(QString::fromLatin1(name));
    return widget;
}

/// A label with a role of the style sheet: title, panel, muted, secondary, item, number, fixed ...
[[nodiscard]] QLabel *makeLabel(const QString &text, const char *role, const char *name,
                                QWidget *parent = nullptr);
/// Changes the role and restyles.
void setRole(QWidget *widget, const char *role);

} // namespace ui
