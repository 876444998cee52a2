#include "ui/theme/theme.h"

#include "ui/theme/style_sheet.h"

#include <QApplication>
#include <QFile>
#include <QFontDatabase>
#include <QLabel>
#include <QPainter>
#include <QPalette>
#include <QPixmapCache>
#include <QStyle>
#include <QStyleFactory>
#include <QSvgRenderer>

// At global scope: the macro declares a function there.
static void initResources()
{
    Q_INIT_RESOURCE(console);
}

namespace ui {

namespace {

QString firstFamily(const QStringList &wanted, const QString &fallback)
{
    for (const auto &family : wanted)
        if (QFontDatabase::hasFamily(family))
            return family;
    return fallback;
}

QPalette paletteFrom(const Tokens &t)
{
    QPalette palette;
    palette.setColor(QPalette::Window, t.window);
    palette.setColor(QPalette::Base, t.surface);
    palette.setColor(QPalette::AlternateBase, t.raised);
    palette.setColor(QPalette::Button, t.raised);
    palette.setColor(QPalette::WindowText, t.text);
    palette.setColor(QPalette::Text, t.text);
    palette.setColor(QPalette::ButtonText, t.text);
    palette.setColor(QPalette::PlaceholderText, t.textMuted);
    palette.setColor(QPalette::Highlight, t.select);
    palette.setColor(QPalette::HighlightedText, t.text);
    palette.setColor(QPalette::Link, t.accent);
    palette.setColor(QPalette::ToolTipBase, t.raised);
    palette.setColor(QPalette::ToolTipText, t.text);
    for (const auto role : {QPalette::WindowText, QPalette::Text, QPalette::ButtonText})
        palette.setColor(QPalette::Disabled, role, t.textDisabled);
    return palette;
}

} // namespace

void applyTheme(QApplication &application, Scheme scheme)
{
    initResources();
    setTokens(scheme);
    application.setStyle(QStyleFactory::create(QStringLiteral("Fusion")));
    QFont base(firstFamily(
        {QStringLiteral("Inter"), QStringLiteral("Noto Sans"), QStringLiteral("DejaVu Sans")},
        QApplication::font().family()));
    base.setPointSizeF(9);
    application.setFont(base);
    application.setPalette(paletteFrom(tokens()));
    application.setStyleSheet(styleSheet(tokens()));
}

QFont typeFont(Type type, int weight)
{
    QFont f = QApplication::font();
    const auto set = [&](double points, int usual) {
        f.setPointSizeF(points);
        f.setWeight(static_cast<QFont::Weight>(weight ? weight : usual));
    };
    switch (type) {
    case Type::Verdict:
        set(21, QFont::Bold);
        break;
    case Type::Number:
        set(15, QFont::DemiBold);
        break;
    case Type::CardTitle:
        set(12, QFont::DemiBold);
        break;
    case Type::PanelTitle:
        set(10.5, QFont::DemiBold);
        break;
    case Type::ItemTitle:
        set(9.4, QFont::Medium);
        break;
    case Type::Body:
        set(9, QFont::Normal);
        break;
    case Type::Secondary:
        set(8.25, QFont::Normal);
        break;
    case Type::Axis:
        set(8, QFont::Normal);
        break;
    case Type::Fixed:
        f = QFontDatabase::systemFont(QFontDatabase::FixedFont);
        f.setFamily(firstFamily(
            {QStringLiteral("JetBrains Mono"), QStringLiteral("DejaVu Sans Mono")}, f.family()));
        set(8.5, QFont::Normal);
        break;
    }
    return f;
}

QPixmap iconPixmap(const QString &name, const QColor &colour, int size, qreal ratio)
{
    const QString key = QStringLiteral("icon/%1/%2/%3/%4")
                            .arg(name, colour.name(QColor::HexArgb))
                            .arg(size)
                            .arg(ratio);
    QPixmap pixmap;
    if (QPixmapCache::find(key, &pixmap))
        return pixmap;
    QFile file(QStringLiteral(":/icons/%1.svg").arg(name));
    if (!file.open(QIODevice::ReadOnly))
        return {};
    QByteArray svg = file.readAll();
    svg.replace("currentColor", colour.name().toLatin1());
    QSvgRenderer renderer(svg);
    const int pixels = qRound(size * ratio);
    pixmap = QPixmap(pixels, pixels);
    pixmap.fill(Qt::transparent);
    QPainter painter(&pixmap);
    painter.setOpacity(colour.alphaF());
    renderer.render(&painter, QRectF(0, 0, pixels, pixels));
    painter.end();
    pixmap.setDevicePixelRatio(ratio);
    QPixmapCache::insert(key, pixmap);
    return pixmap;
}

QIcon icon(const QString &name, const QColor &colour)
{
    QIcon result;
    for (const qreal ratio : {1.0, 2.0}) {
        result.addPixmap(iconPixmap(name, colour, 16, ratio));
        result.addPixmap(iconPixmap(name, tokens().textDisabled, 16, ratio), QIcon::Disabled);
    }
    return result;
}

QIcon icon(const QString &name)
{
    return icon(name, tokens().text);
}

void drawIcon(QPainter &painter, const QString &name, const QColor &colour, const QRectF &box)
{
    const auto ratio = painter.device()->devicePixelRatioF();
    const QPixmap pixmap = iconPixmap(name, colour, qRound(box.width()), ratio);
    painter.drawPixmap(QPointF(qRound(box.x()), qRound(box.y())), pixmap);
}

double digitsWidth(const QFontMetricsF &metrics, const QString &text)
{
    const double digit = metrics.horizontalAdvance(QLatin1Char('0'));
    double width = 0;
    for (const QChar c : text)
        width += c.isDigit() ? digit : metrics.horizontalAdvance(c);
    return width;
}

double drawDigits(QPainter &painter, const QPointF &at, const QString &text, bool right)
{
    const QFontMetricsF metrics(painter.font());
    const double digit = metrics.horizontalAdvance(QLatin1Char('0'));
    const double width = digitsWidth(metrics, text);
    double x = right ? at.x() - width : at.x();
    for (const QChar c : text) {
        const double own = metrics.horizontalAdvance(c);
        const double advance = c.isDigit() ? digit : own;
        painter.drawText(QPointF(x + (advance - own) / 2, at.y()), QString(c));
        x += advance;
    }
    return width;
}

QLabel *makeLabel(const QString &text, const char *role, const char *name, QWidget *parent)
{
    auto *label = named(new QLabel(text, parent), name);
    label->setProperty("role", QString::fromLatin1(role));
    label->setTextFormat(Qt::PlainText);
    return label;
}

void setRole(QWidget *widget, const char *role)
{
    const QString wanted = QString::fromLatin1(role);
    if (widget->property("role").toString() == wanted)
        return;
    widget->setProperty("role", wanted);
    widget->style()->unpolish(widget);
    widget->style()->polish(widget);
}

} // namespace ui
