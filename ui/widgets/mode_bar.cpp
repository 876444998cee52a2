#include "ui/widgets/mode_bar.h"

#include "ui/theme/theme.h"

#include <QAbstractButton>
#include <QPainter>
#include <QSvgRenderer>
#include <QVBoxLayout>

namespace ui {

class ModeBar::Entry : public QAbstractButton
{
public:
    Entry(const QString &iconName, const QString &text, QWidget *parent)
        : QAbstractButton(parent), m_icon(iconName)
    {
        setText(text);
        setCheckable(true);
        setFixedSize(64, 52);
        setFocusPolicy(Qt::StrongFocus);
    }

protected:
    void paintEvent(QPaintEvent *) override
    {
        QPainter painter(this);
        painter.setRenderHint(QPainter::Antialiasing);
        const auto &t = tokens();
        const bool current = isChecked();
        if (current || underMouse()) {
            painter.setPen(Qt::NoPen);
            painter.setBrush(current ? t.select : t.raised);
            painter.drawRoundedRect(QRectF(4, 0, 56, 52), 4, 4);
        }
        if (current)
            painter.fillRect(QRectF(0, 8, 2, 36), t.accent);
        if (hasFocus()) {
            painter.setPen(QPen(t.accent, 2));
            painter.setBrush(Qt::NoBrush);
            painter.drawRoundedRect(QRectF(5, 1, 54, 50), 4, 4);
        }
        const QColor colour = current ? t.text : t.textMuted;
        drawIcon(painter, m_icon, colour, QRectF(22, 8, 20, 20));
        painter.setFont(typeFont(Type::Axis, current ? QFont::DemiBold : QFont::Normal));
        painter.setPen(colour);
        painter.drawText(QRectF(0, 30, 64, 16), Qt::AlignCenter, text());
    }

private:
    QString m_icon;
};

namespace {

class Mark : public QWidget
{
public:
    explicit Mark(QWidget *parent)
        : QWidget(parent), m_mark(QStringLiteral(":/icons/drillroom.svg"))
    {
        setFixedSize(64, 48);
    }

protected:
    void paintEvent(QPaintEvent *) override
    {
        QPainter painter(this);
        m_mark.render(&painter, QRectF(18, 10, 28, 28));
    }

private:
    QSvgRenderer m_mark;
};

} // namespace

ModeBar::ModeBar(QWidget *parent) : QFrame(parent)
{
    setFixedWidth(64);
    m_layout = new QVBoxLayout(this);
    m_layout->setContentsMargins(0, 0, 0, 8);
    m_layout->setSpacing(4);
    m_layout->addWidget(named(new Mark(this), "markLabel"));
    m_layout->addSpacing(4);
    m_layout->addStretch();
}

void ModeBar::addEntry(const char *name, const QString &iconName, const QString &text,
                       const QString &key)
{
    auto *entry = named(new Entry(iconName, text, this), name);
    entry->setToolTip(tr("%1 (%2)").arg(text, key));
    const int index = static_cast<int>(m_entries.size());
    m_layout->insertWidget(2 + index, entry);
    m_entries.push_back(entry);
    connect(entry, &QAbstractButton::clicked, this, [this, index] { Q_EMIT chosen(index); });
}

void ModeBar::setCurrent(int index)
{
    for (std::size_t i = 0; i < m_entries.size(); ++i)
        m_entries[i]->setChecked(static_cast<int>(i) == index);
}

} // namespace ui
