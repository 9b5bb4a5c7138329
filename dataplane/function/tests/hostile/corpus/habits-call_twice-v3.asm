# hook filter
f0:
    mov %r6, %r1
    ldxdw %r2, [%r6+24]
    ldxdw %r1, [%r6+16]
    call local f1
    mov %r7, %r0
    ldxdw %r1, [%r6+40]
    ldxdw %r2, [%r6+48]
    call local f1
    mov %r1, %r0
    mov32 %r0, 1
    jgt %r7, %r1, i12
    mov32 %r0, 0
i12:
    exit
f1:
    mov %r0, 0
    add %r1, 4
    jgt %r1, %r2, i21
    mov %r0, 0
i17:
    ldxw %r3, [%r1-4]
    add %r0, %r3
    add %r1, 4
    jle %r1, %r2, i17
i21:
    exit
