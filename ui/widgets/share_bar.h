#pragma once
// A thin bar filled to a share. Unlike QProgressBar it never repaints at once: that would paint the
// whole window a second time within a refresh. GUI thread.

#include <QWidget>

namespace ui {

class ShareBar : public QWidget
{
    Q_OBJECT
public:
    explicit ShareBar(QWidget *parent);
    void setShare(double share); ///< 0..1

protected:
    void paintEvent(QPaintEvent *event) override;

private:
    double m_share = 0;
};

} // namespace ui
