#include "ui/widgets/banner_stack.h"

#include "ui/theme/theme.h"

#include <QFrame>
#include <QHBoxLayout>
#include <QLabel>
#include <QPushButton>
#include <QVBoxLayout>

namespace ui {

BannerStack::BannerStack(QWidget *parent) : QWidget(parent)
{
    m_layout = new QVBoxLayout(this);
    m_layout->setContentsMargins(0, 0, 0, 0);
    m_layout->setSpacing(0);
    hide();
}

void BannerStack::show(const std::vector<Banner> &banners)
{
    if (banners == m_banners)
        return;
    m_banners = banners;
    while (auto *item = m_layout->takeAt(0)) {
        // The button that brought us here may stand on it.
        item->widget()->hide();
        item->widget()->deleteLater();
        delete item;
    }
    for (const auto &banner : m_banners)
        m_layout->addWidget(strip(banner));
    for (auto *frame : findChildren<QFrame *>(QString(), Qt::FindDirectChildrenOnly))
        if (m_layout->indexOf(frame) >= 0)
            frame->show(); // at once, not with the next turn of the loop
    setVisible(!m_banners.empty());
}

QWidget *BannerStack::strip(const Banner &banner)
{
    auto *frame = named(new QFrame(this), (banner.key.toLatin1() + "Banner").constData());
    frame->setProperty("banner", banner.tone == Tone::Danger ? QStringLiteral("danger")
                                                             : QStringLiteral("warning"));
    frame->setAccessibleName(banner.what);
    auto *row = new QHBoxLayout(frame);
    row->setContentsMargins(16, 6, 12, 6);
    row->setSpacing(10);
    auto *picture = named(new QLabel(frame), "bannerIconLabel");
    picture->setPixmap(
        iconPixmap(QStringLiteral("warning"), toneColour(banner.tone), 16, devicePixelRatioF()));
    row->addWidget(picture, 0, Qt::AlignVCenter);
    auto *words = new QVBoxLayout;
    words->setSpacing(1);
    auto *what = makeLabel(
        banner.since.isEmpty() ? banner.what : tr("%1 (since %2)").arg(banner.what, banner.since),
        "strong", "bannerWhatLabel", frame);
    what->setWordWrap(true);
    words->addWidget(what);
    if (!banner.todo.isEmpty()) {
        auto *todo = makeLabel(banner.todo, "muted", "bannerTodoLabel", frame);
        todo->setWordWrap(true);
        words->addWidget(todo);
    }
    row->addLayout(words, 1);
    if (!banner.act.isEmpty()) {
        auto *button = named(new QPushButton(banner.act, frame),
                             (banner.key.toLatin1() + "BannerButton").constData());
        connect(button, &QPushButton::clicked, this,
                [this, key = banner.key] { Q_EMIT actAsked(key); });
        row->addWidget(button, 0, Qt::AlignVCenter);
    }
    return frame;
}

} // namespace ui
