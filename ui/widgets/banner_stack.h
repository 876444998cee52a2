#pragma once
// What must not be overlooked, one strip per trouble under the top bar: what, since when, what to
// do. They stay until the trouble is gone. GUI thread.

#include "ui/widgets/tone.h"

#include <QWidget>

class QVBoxLayout;

namespace ui {

struct Banner
{
    QString key; ///< of the trouble, never translated; a strip keeps its place while it lasts
    Tone tone = Tone::Warning;
    QString what, since, todo;
    QString act; ///< text of a button, or empty
    bool operator==(const Banner &) const = default;
};

class BannerStack : public QWidget
{
    Q_OBJECT
public:
    explicit BannerStack(QWidget *parent = nullptr);
    /// In order; equal ones are left alone.
    void show(const std::vector<Banner> &banners);
    [[nodiscard]] const std::vector<Banner> &banners() const { return m_banners; }

Q_SIGNALS:
    void actAsked(const QString &key);

private:
    QWidget *strip(const Banner &banner);

    std::vector<Banner> m_banners;
    QVBoxLayout *m_layout = nullptr;
};

} // namespace ui
